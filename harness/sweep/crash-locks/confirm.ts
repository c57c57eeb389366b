import type { LockTaker, LockTakersFact } from '../../model/lock-takers.js';
import { onCpu, type Stimulus, stimuliFor } from '../../proposal/stimuli.js';
import { isSameFunction } from '../../proposal/lock-table.js';
import type { Scenario } from '../../plan/scenario.js';
import { type Location, LocationSchema, type Step } from '../../trigger/choreography-steps.js';
import { takingFunctions } from './lock-functions.js';
import type { HeldOutcome } from './blame.js';
import type { CrashLock } from './locks.js';
import { APPROACHES, CRASHER_CPU } from './contexts.js';
import {
  holdOthers,
  type Holder,
  intoPanic,
  OTHER_CPU,
  scenario,
  type Setting,
  toShootdown,
  untilNmiIsSent,
} from './script.js';

/** Of one search (trigger/choreography-steps.ts). */
const MOST_LOCKS = 64;
/** Places of a lock that are tried, the likeliest first. */
const MOST_PLACES = 4;
export const TAKERS_NAME = 'crash-locks-takers';

/** Whether call sites of a lock can be searched: it is a variable, the same for all CPUs. */
export function isSearchable({ data, kind }: CrashLock): boolean {
  if (kind === 'flag') return false;
  return data !== undefined && data.of === undefined && LocationSchema.safeParse(data.symbol).success;
}

/** Searches the kernel's text for the calls that take these locks. A control as well: no lock is held. */
export function takersScenario(locks: readonly CrashLock[], setting: Setting): Scenario {
  const takers = locks.slice(0, MOST_LOCKS).flatMap(({ data, kind }) => {
    if (data === undefined || kind === 'flag') return [];
    const { symbol: of, offset } = data;
    return [{ of, ...(offset === 0 ? {} : { offset }), by: takingFunctions(kind) }];
  });
  const summary = 'finds the calls that take the locks that are fatal if held';
  return scenario(TAKERS_NAME, { summary, setting }, [...intoPanic(setting), { takers }, { release: 'all' }]);
}

/** The takers of a lock, by what a run found; undefined when it did not search for it. */
export function takersOf(
  { data, kind }: CrashLock,
  facts: readonly LockTakersFact[],
): LockTakersFact | undefined {
  if (kind === 'flag') return undefined;
  const by = takingFunctions(kind).join(' ');
  return facts.find(
    (fact) => fact.lock === data?.symbol && fact.offset === data.offset && fact.by.join(' ') === by,
  );
}

/** A place where a CPU that comes by itself takes a lock, and what makes it come by. */
export interface Confirming {
  readonly taker: LockTaker;
  readonly stimulus: Stimulus;
}

/**
 * The takers that a stimulus reaches, the likeliest first, one for each function, four at most. A `trylock` that fails
 * stops nobody: the holder is proved by the place behind the call. Pure.
 */
export function confirmingTakers(takers: readonly LockTaker[]): Confirming[] {
  const rated = takers.flatMap((taker) => {
    const [stimulus] = stimuliFor([taker.in]);
    if (stimulus === undefined || stimulus.reaches.length === 0 || !isNameable(taker)) return [];
    const untried = stimulus.tried.startsWith('untried') ? 1 : 0;
    const place = stimulus.reaches.findIndex((reached) => isSameFunction(reached, taker.in));
    return [{ taker, stimulus, rank: untried * 100 + place }];
  });
  const sorted = rated.toSorted((one, other) => one.rank - other.rank);
  const first = sorted.filter(
    ({ taker }, index) => sorted.findIndex((one) => one.taker.in === taker.in) === index,
  );
  return first.slice(0, MOST_PLACES).map(({ taker, stimulus }) => ({ taker, stimulus }));
}

/** Names come out of the guest: not every one is what a script can have. */
function isNameable({ in: inside, taken }: LockTaker): boolean {
  return [inside, taken.in].every((name) => LocationSchema.safeParse(name).success);
}

export function confirmName(index: number, holder: Holder, place: number): string {
  return `crash-locks-${String(index).padStart(3, '0')}-${holder}-at-${place + 1}`;
}

/** The CPU that comes to a place by itself. */
export function comingCpu({ cpus }: Pick<Setting, 'cpus'>): number {
  return cpus > OTHER_CPU ? OTHER_CPU : CRASHER_CPU;
}

/**
 * The real thing: a CPU that comes to a taker by itself is stopped there by the shootdown's NMI with the lock held, or
 * panics there, in the context of the place or by an NMI. It stops before the lock call until the crasher has printed its
 * messages, which may take the lock.
 */
export function confirmScenario(
  lock: CrashLock,
  name: string,
  {
    holder,
    confirming: { taker, stimulus },
    setting,
  }: { holder: Holder; confirming: Confirming; setting: Setting },
): Scenario {
  const cpu = comingCpu(setting);
  const role = holder === 'another' ? 'holder' : 'crasher';
  const before: Location = { in: taker.in, offset: taker.offset };
  const taken: Location = { in: taker.taken.in, offset: taker.taken.offset };
  const stimulate: Step[] =
    stimulus.script === undefined ? [] : [{ stimulate: { script: onCpu(stimulus.script, cpu) } }];
  const take: Step[] = [
    { run: { as: role, to: taken } },
    ...heldProof(lock),
    { prove: { role, in: taker.taken.in } },
  ];
  const come: Step = { hold: { as: role, on: cpu, at: before } };
  const who = holder === 'another' ? 'a CPU is stopped' : 'a CPU panics';
  const summary = `${who} in ${taker.taken.in} (${taker.in}) with ${lock.name} (${lock.kind}) held`;
  // It panics where it is.
  const where =
    holder === 'itself' && setting.context !== 'nmi' ? { where: 'in the context of that place' } : {};
  const steps =
    holder === 'another'
      ? [
          ...stimulate,
          ...intoPanic(setting, { others: [come, ...holdOthers(setting, OTHER_CPU + 1)] }),
          ...toShootdown(),
          ...take,
          ...untilNmiIsSent(),
          ...heldProof(lock),
          { release: 'all' as const },
        ]
      : [...stimulate, come, ...take, ...APPROACHES[setting.context].toPanic, { release: 'all' as const }];
  const prepare = stimulus.prepare === undefined ? [] : [{ script: stimulus.prepare }];
  return scenario(name, { summary, setting, ...where }, steps, prepare);
}

/** The lock's own word, where a proof can read it: a spinlock that is a variable of its own. */
function heldProof({ kind, data }: CrashLock): Step[] {
  if (kind !== 'spinlock' || data === undefined || data.offset !== 0) return [];
  return [{ prove: { lock: data.symbol, held: true } }];
}

/** Why a lock that is fatal if held was not confirmed, or that it was. */
export type ConfirmationEnd =
  /** A CPU that came by itself held it, and the dump was not taken. */
  | 'confirmed'
  /** Every place that was tried was reached with the lock held, and the dump was taken. */
  | 'harmless there'
  /** There was no dump at one, and nothing shows that the lock is the cause. */
  | 'not shown'
  /** No run came to the state. */
  | 'not reached'
  /** No stimulus of the table leads to a call that takes it. */
  | 'no stimulus'
  /** No call in the kernel's text takes it by its address. */
  | 'no taker'
  /** An allocated lock or one of each CPU: calls that take it are not searched. */
  | 'not searched'
  /** A limit or a signal came first. */
  | 'not run';

/** Whether a lock that is fatal if held by a holder is fatal when a CPU comes to hold it by itself. */
export interface Confirmation {
  readonly end: ConfirmationEnd;
  /** Calls in the text that take the lock. */
  readonly takers: readonly (LockTaker & { readonly stimulus?: string })[];
  /** Runs, in order. */
  readonly tried: readonly {
    readonly in: string;
    readonly stimulus: string;
    readonly outcome: HeldOutcome;
  }[];
}
