import type { WrittenStep as Step } from '../trigger/choreography-steps.js';
import type { Location } from '../trigger/choreography-steps.js';
import { isSpinLock, lockCallees, turnsInterruptsOff } from './functions.js';
import { lockTakenIn, namesOf } from './lock-table.js';
import type { Relation } from './relation.js';
import { onCpu, type Stimulus, stimuliFor } from './stimuli.js';

/** What stacks leave open, decided: one way to bring the state about. */
export interface Choices {
  /** The holder stops behind a lock call in the first of these functions that the kernel has, or at an offset. */
  readonly holdIn: readonly string[];
  readonly at: { readonly after: readonly string[] } | { readonly offset: number };
  /** The lock whose word is proved; absent when its variable is not known, or the kernel has no symbol for it. */
  readonly lock: string | undefined;
  /**
   * `panic first`: the crasher is on its way when the holder takes the lock, so its messages do not meet it.
   * `panic between`: the same, and the holder is stopped at {@link approach} before, on its way to the lock. Nobody has to
   * come by while a CPU panics, when the kernel lets others print no more.
   */
  readonly order: 'hold first' | 'panic first' | 'panic between';
  /** A function of the holder's stack outside the one that takes the lock. */
  readonly approach: string | undefined;
  /** Where the crasher panics. */
  readonly context: 'interrupt' | 'task' | 'nmi';
  /** The vCPU that holds; absent: the first that comes by. */
  readonly holderOn: number | undefined;
  /** How far the crasher runs alone: until it has sent the NMI, or for so many milliseconds. */
  readonly alone: 'shootdown' | number;
  readonly stimulus: Stimulus;
  /** Words for the first kernel's command line. */
  readonly append: string | undefined;
}

/** Longest list of names in a location. */
const MOST_NAMES = 8;

/** What a draft begins with. Pure. */
export function firstChoices(relation: Relation): Choices {
  const { waiter, holder, lock, printing, stoppedByPanic, kind } = relation;
  const [stimulus] = stimuliFor([...holder.candidates.slice(0, 1), ...holder.chain]);
  if (stimulus === undefined) throw new Error('the table of stimuli is empty');
  const panicFirst = kind === 'other-cpu' && (printing || stoppedByPanic);
  const approach = approachOf(holder.candidates);
  const between = panicFirst && approach !== undefined;
  return {
    holdIn: holdNames(holder.candidates, lock),
    at: { after: lockCallees(holder.lockFunction) },
    // A read-write lock's word has another form.
    lock: /read|write/.test(holder.lockFunction ?? waiter.lockFunction ?? '') ? undefined : lock,
    order: between ? 'panic between' : panicFirst ? 'panic first' : 'hold first',
    approach,
    context: 'interrupt',
    holderOn: panicFirst && !between ? 1 : undefined,
    alone: 'shootdown',
    stimulus,
    append: stoppedByPanic ? 'crash_kexec_post_notifiers' : undefined,
  };
}

/** The caller's caller of the function that takes the lock, or its caller: far enough out to be clear of the lock. */
function approachOf(candidates: readonly string[]): string | undefined {
  return candidates[2] ?? candidates[1];
}

/**
 * The likeliest function under all its names, and those callers of it that take the same lock by the table: in another kernel
 * it may be a part of them.
 */
export function holdNames(candidates: readonly string[], lock: string | undefined): string[] {
  const [first, ...others] = candidates;
  if (first === undefined) return [];
  const known = lockTakenIn(first, candidates);
  const takers =
    known === undefined || known.lock !== lock
      ? []
      : others.filter((name) => lockTakenIn(name, candidates) === known);
  return [...new Set([first, ...takers].flatMap(namesOf))].slice(0, MOST_NAMES);
}

/** Two sets of choices are the same run. */
export function keyOf(choices: Choices): string {
  return JSON.stringify({ ...choices, stimulus: choices.stimulus.name });
}

const TIMER = ['sysvec_apic_timer_interrupt', 'smp_apic_timer_interrupt'];
const SHOOTDOWN = 'nmi_shootdown_cpus';
/** nmi_shootdown_cpus() waits by mdelay(1) (arch/x86/kernel/reboot.c, v6.1). */
const DELAY = '__const_udelay';
const NMI = ['default_do_nmi', 'do_nmi'];

/** The steps of the choices, and why each group is there. Pure. */
export function stepsOf(choices: Choices, kind: Relation['kind']): { comment: string; steps: Step[] }[] {
  const { stimulus, order, lock } = choices;
  const script = stimulus.script === undefined ? undefined : onHolder(stimulus.script, choices);
  const stimulate = {
    comment: `Makes a CPU come by: ${stimulus.name} (${stimulus.tried}).`,
    steps: script === undefined ? [] : [{ stimulate: { script } }],
  };
  const hold = {
    comment: 'The holder: it has taken the lock, and nothing else has happened.',
    steps: holdSteps(choices),
  };
  const release = {
    comment: 'The holder takes the NMI here, with the lock held.',
    steps: [{ release: 'all' } as const],
  };
  if (kind === 'own-cpu') {
    return [
      stimulate,
      hold,
      { comment: 'It panics itself, inside the critical section.', steps: [{ fire: { role: 'holder' } }] },
      { ...release, comment: 'The rest is up to the kernel.' },
    ];
  }
  const still: Step[] = [
    ...(lock === undefined ? [] : [{ prove: { lock, held: true } }]),
    { prove: { role: 'holder', in: list(choices.holdIn) } },
  ];
  if (order === 'hold first') {
    return [
      stimulate,
      hold,
      {
        comment: 'The crasher: another vCPU, at a place that each of them reaches.',
        steps: [...crasherSteps(choices), ...still.slice(0, -1)],
      },
      {
        comment: 'It panics, and has sent the NMI when it waits for the effect.',
        steps: [...fireSteps(choices), ...toShootdown(choices), ...still],
      },
      release,
    ];
  }
  if (order === 'panic between' && choices.approach !== undefined) {
    const { approach } = choices;
    return [
      stimulate,
      {
        comment: 'The holder is on its way to the lock, and has not taken it.',
        steps: [{ hold: { as: 'holder', at: approach } }, { prove: { role: 'holder', in: approach } }],
      },
      {
        comment: 'The crasher panics and prints; it is stopped before it sends the NMI.',
        steps: [...crasherSteps(choices), ...fireSteps(choices), ...toEntry(choices)],
      },
      { comment: 'The holder takes the lock, and nothing else happens.', steps: holdSteps(choices) },
      {
        comment: 'The crasher sends the NMI and waits for the effect.',
        steps: [...toDelay(choices), ...still],
      },
      release,
    ];
  }
  return [
    stimulate,
    {
      comment: 'The crasher panics and prints first; it is stopped before it sends the NMI.',
      steps: [...crasherSteps(choices), ...fireSteps(choices), ...toEntry(choices)],
    },
    hold,
    { comment: 'It sends the NMI and waits for the effect.', steps: [...toDelay(choices), ...still] },
    release,
  ];
}

function holdSteps({ holdIn, at, lock, order, holderOn }: Choices): Step[] {
  const inside = list(holdIn);
  const location: Location =
    'offset' in at ? { in: inside, offset: at.offset } : { after: list(at.after), in: inside };
  const irqsOff = 'after' in at && at.after.length > 0 && at.after.every((name) => turnsInterruptsOff(name));
  const on = order === 'panic first' ? {} : holderOn === undefined ? {} : { on: holderOn };
  const reach: Step =
    order === 'panic between'
      ? { run: { as: 'holder', to: location } }
      : { hold: { as: 'holder', at: location, ...on } };
  return [
    reach,
    ...(lock === undefined ? [] : [{ prove: { lock, held: true } }]),
    { prove: { role: 'holder', in: inside } },
    ...(irqsOff ? [{ prove: { role: 'holder', interrupts: 'off' as const } }] : []),
  ];
}

function crasherSteps({ context, order, holderOn }: Choices): Step[] {
  const panicFirst = order === 'panic first';
  const on = panicFirst ? (holderOn === 0 ? 1 : 0) : undefined;
  const to = context === 'task' ? ['__schedule', 'schedule'] : TIMER;
  const reach: Step = panicFirst
    ? { hold: { as: 'crasher', at: list(to), on } }
    : { run: { as: 'crasher', to: list(to), withinMs: 2000, orElse: 'stay' } };
  const proof: Step[] = panicFirst ? [{ prove: { role: 'crasher', in: list(to) } }] : [];
  if (context !== 'nmi') return [reach, ...proof];
  return [
    reach,
    ...proof,
    { interrupt: { role: 'crasher', nmi: true } },
    { run: { as: 'crasher', to: list(NMI) } },
    { prove: { role: 'crasher', in: list(NMI) } },
  ];
}

function fireSteps({ alone }: Choices): Step[] {
  return [{ fire: alone === 'shootdown' ? { role: 'crasher' } : { role: 'crasher', aloneMs: alone } }];
}

function toShootdown(choices: Choices): Step[] {
  return choices.alone === 'shootdown' ? [...toEntry(choices), ...toDelay(choices)] : [];
}

function toEntry({ alone, order }: Choices): Step[] {
  if (alone !== 'shootdown') return [];
  const proof: Step[] = order === 'hold first' ? [] : [{ prove: { role: 'crasher', in: SHOOTDOWN } }];
  return [{ run: { as: 'crasher', to: SHOOTDOWN } }, ...proof];
}

function toDelay({ alone }: Choices): Step[] {
  if (alone !== 'shootdown') return [];
  return [{ run: { as: 'crasher', to: DELAY } }, { prove: { role: 'crasher', stackHas: SHOOTDOWN } }];
}

/** With a vCPU of its own for the holder, the stimulus runs there. */
function onHolder(script: string, { holderOn, order }: Choices): string {
  if (holderOn === undefined || order === 'panic between') return script;
  return onCpu(script, holderOn);
}

/** One name plainly, several as a list. */
function list(names: readonly string[]): string | string[] {
  const [only, second] = names;
  return only !== undefined && second === undefined ? only : names.slice(0, MOST_NAMES);
}

/** Words for the one place in which choices differ from others. */
export function differenceOf(choices: Choices, from: Choices): string {
  const words = [
    keyOfHold(choices) === keyOfHold(from) ? undefined : `hold ${placeText(choices)}`,
    choices.stimulus === from.stimulus ? undefined : `stimulus: ${choices.stimulus.name}`,
    choices.order === from.order ? undefined : choices.order,
    choices.context === from.context ? undefined : `panic in ${choices.context} context`,
    choices.holderOn === from.holderOn
      ? undefined
      : `holder on ${choices.holderOn === undefined ? 'any vCPU' : `vCPU ${choices.holderOn}`}`,
    choices.alone === from.alone
      ? undefined
      : typeof choices.alone === 'number'
        ? `crasher alone for ${choices.alone} ms`
        : 'crasher alone until the NMI is sent',
    choices.lock === from.lock
      ? undefined
      : choices.lock === undefined
        ? 'lock word not proved'
        : `lock ${choices.lock}`,
    choices.append === from.append ? undefined : `append ${choices.append ?? 'nothing'}`,
  ].filter((word) => word !== undefined);
  return words.length === 0 ? 'as drafted' : words.join(', ');
}

function keyOfHold({ holdIn, at }: Choices): string {
  return JSON.stringify({ holdIn, at });
}

/** `after _raw_spin_lock_irqsave in mask_ioapic_irq`. */
export function placeText({ holdIn, at }: Pick<Choices, 'holdIn' | 'at'>): string {
  const inside = holdIn.join(' or ');
  if ('offset' in at) return `at ${inside}+0x${at.offset.toString(16)}`;
  return `after ${at.after.filter(isSpinLock).slice(0, 2).join(' or ') || at.after[0]} in ${inside}`;
}
