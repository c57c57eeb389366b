import { stackNames } from '../model/autopsy.js';
import { diffArrays } from 'diff';
import { interruptStateLines } from './interrupt-state.js';
import type { HostFact } from '../model/record.js';
import { PHASES, type Phase } from '../model/phase.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { isIncidental, normalLine } from './normal-line.js';
import { phaseLadder } from './phase-ladder.js';
import { verdictName } from './words.js';

/** One of two runs that are compared. */
export interface ComparedRun {
  readonly plan: RunPlan;
  readonly result: RunResult;
  /** The recorded console, whole. */
  readonly consoleBytes: Buffer;
  /** What the host did and saw, in order. */
  readonly facts: readonly HostFact[];
}

/**
 * A named value that the two runs do not share, or the words of a list that only one has; undefined where a run has none.
 */
export interface Differing {
  readonly name: string;
  readonly left: string | undefined;
  readonly right: string | undefined;
}

/** A phase in both runs. */
export interface PhasePair {
  readonly phase: Phase;
  /** Milliseconds since each run began; undefined when it was not reached. */
  readonly leftMs: number | undefined;
  readonly rightMs: number | undefined;
  /** One run reached it and the other did not. */
  readonly differs: boolean;
}

/** A line of a console. */
export interface DiffLine {
  /** From 1; lines end at CR or LF, and empty ones do not count. */
  readonly number: number;
  /** As the guest printed it, latin1. */
  readonly text: string;
}

/** Lines that one run has and the other lacks, at one place. */
export interface Hunk {
  readonly left: readonly DiffLine[];
  readonly right: readonly DiffLine[];
  /** The last common line before, of the left run. */
  readonly after: DiffLine | undefined;
}

/** How two consoles differ. */
export interface ConsoleDiff {
  readonly leftLines: number;
  readonly rightLines: number;
  readonly hunks: readonly Hunk[];
  /** Lines that both have, in another order. */
  readonly moved: number;
  /** Lines that only one run has and that depend on chance ({@link isIncidental}); they are in no hunk. */
  readonly incidental: number;
  /** The consoles differ so much that only the lines that the other does not have at all are shown. */
  readonly isSummary: boolean;
  /** Lines behind the first 50,000, which are not shown. */
  readonly unshown: { readonly left: number; readonly right: number; readonly differ: boolean };
}

/** How two runs differ. */
export interface RunDiff {
  readonly plan: readonly Differing[];
  readonly verdict: readonly Differing[];
  readonly phases: readonly PhasePair[];
  readonly console: ConsoleDiff;
  /** The interrupt controllers before firing, and the end: places, stacks, resets. */
  readonly state: readonly Differing[];
  /** Nothing differs but times and chance. */
  readonly same: boolean;
}

/** Compares two runs. Pure. */
export function diffRuns(left: ComparedRun, right: ComparedRun): RunDiff {
  const plan = differingPlans(left.plan, right.plan);
  const verdict = differing(verdictFacets(left), verdictFacets(right));
  const phases = phasePairs(left.result, right.result);
  const console = diffConsoles(left, right);
  const state = differingStates(left.facts, right.facts);
  const same =
    [plan, verdict, state, console.hunks].every(({ length }) => length === 0) &&
    phases.every(({ differs }) => !differs) &&
    !console.unshown.differ;
  return { plan, verdict, phases, console, state, same };
}

type Facets = ReadonlyMap<string, string>;

function differing(left: Facets, right: Facets): Differing[] {
  const names = [...new Set([...left.keys(), ...right.keys()])];
  return names.flatMap((name) =>
    left.get(name) === right.get(name) ? [] : [{ name, left: left.get(name), right: right.get(name) }],
  );
}

/** Names of the run, and what follows from other parts: the paths of kernels with the same content. */
const OF_THE_RUN =
  /^(runId|campaign|trial|nonce|(kernel|captureKernel)\.(bzImage|modulesDir|config|spec)|accel\.reason)$/;

/** A plan as `kernel.label`, `machine.cpus`, ...; lists of words apart. */
function planFacets(plan: RunPlan): { readonly single: Facets; readonly lists: Lists } {
  const single = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  const own = (text: string) =>
    text.replaceAll(plan.nonce, '<nonce>').replaceAll(`crashpath-${plan.runId}`, 'crashpath-<run>');
  const visit = (name: string, value: unknown) => {
    if (OF_THE_RUN.test(name) || value === undefined) return;
    if (Array.isArray(value)) {
      const words: readonly unknown[] = value;
      lists.set(
        name,
        words.map((word) => own(typeof word === 'string' ? word : JSON.stringify(word))),
      );
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) visit(name === '' ? key : `${name}.${key}`, inner);
    } else single.set(name, own(typeof value === 'string' ? value : JSON.stringify(value)));
  };
  const { append, captureAppend, ...rest } = plan;
  visit('', { ...rest, append: append.split(' '), captureAppend: captureAppend.split(' ') });
  return { single, lists };
}

type Lists = ReadonlyMap<string, readonly string[]>;

function differingPlans(left: RunPlan, right: RunPlan): Differing[] {
  const [ofLeft, ofRight] = [planFacets(left), planFacets(right)];
  const names = [...new Set([...ofLeft.lists.keys(), ...ofRight.lists.keys()])];
  const lists = names.flatMap((name): Differing[] => {
    const parts = diffArrays([...(ofLeft.lists.get(name) ?? [])], [...(ofRight.lists.get(name) ?? [])]);
    const words = (side: 'added' | 'removed') => {
      const only = parts.filter((part) => part[side]).flatMap(({ value }) => value);
      return only.length === 0 ? undefined : only.join(' ');
    };
    const [removed, added] = [words('removed'), words('added')];
    return removed === undefined && added === undefined ? [] : [{ name, left: removed, right: added }];
  });
  return [...differing(ofLeft.single, ofRight.single), ...lists];
}

function verdictFacets({ result, plan }: ComparedRun): Facets {
  const { detail, degradedBy, undecided = [], outcome, lastPhase, explanation } = result;
  return new Map([
    ['verdict', `${verdictName(result)}: ${detail}`],
    ['outcome', outcome],
    ['last phase', lastPhase ?? 'none'],
    ['degraded by', degradedBy.toSorted().join(', ')],
    ['not judged', undecided.toSorted().join(', ')],
    ['explanation', normalLine(explanation, plan)],
  ]);
}

function phasePairs(left: RunResult, right: RunResult): PhasePair[] {
  const [ofLeft, ofRight] = [left, right].map((result) => {
    const rungs = phaseLadder(result).rungs;
    return new Map(rungs.flatMap((rung) => (rung.status === 'not-reached' ? [] : [[rung.phase, rung.atMs]])));
  });
  return PHASES.flatMap((phase) => {
    const [leftMs, rightMs] = [ofLeft?.get(phase), ofRight?.get(phase)];
    if (leftMs === undefined && rightMs === undefined) return [];
    return [{ phase, leftMs, rightMs, differs: (leftMs === undefined) !== (rightMs === undefined) }];
  });
}

const CONTROLLERS = 'interrupt controllers';

function differingStates(left: readonly HostFact[], right: readonly HostFact[]): Differing[] {
  const [ofLeft, ofRight] = [stateFacets(left), stateFacets(right)];
  const without = [ofLeft, ofRight].filter((facets) => !facets.has(CONTROLLERS));
  const all = differing(ofLeft, ofRight);
  // A run that did not come that far has none to compare.
  return without.length === 1 ? all.filter(({ name }) => !IS_CONTROLLER.test(name)) : all;
}

const IS_CONTROLLER = /^(pin +\d+|cpu\d+ local APIC|8259|IO-APIC|no [\w-]+|line \d+)$/;

/**
 * Facts that say where a run ended and how its interrupt controllers were set up. Addresses are not compared: places,
 * functions and settings are.
 */
function stateFacets(facts: readonly HostFact[]): Facets {
  return new Map(facts.flatMap(facetsOf));
}

function facetsOf(fact: HostFact): [name: string, text: string][] {
  if (fact.fact === 'interrupt-state') return [[CONTROLLERS, 'recorded'], ...controllerLines(fact)];
  if (fact.fact === 'last-place') {
    const where = fact.where === undefined ? '' : ` in ${fact.where}`;
    const halted = fact.halted ? ', halted' : '';
    const interrupts = fact.interruptsOn ? 'on' : 'off';
    return [[`cpu${fact.vcpu} at the end`, `${fact.place}${where}${halted}, interrupts ${interrupts}`]];
  }
  if (fact.fact === 'autopsy')
    return fact.autopsy.vcpus.flatMap((vcpu): [string, string][] =>
      vcpu.frames.length === 0 ? [] : [[`cpu${vcpu.vcpu} stack`, stackNames(vcpu).join(' < ')]],
    );
  if (fact.fact === 'stack') return [[`cpu${fact.vcpu} stack`, fact.functions.join(' < ')]];
  if (fact.fact === 'examination')
    return [['examination', fact.shape === undefined ? fact.finding : `${fact.finding}: ${fact.shape}`]];
  if (fact.fact === 'panic-cpu') return [['panic_cpu', String(fact.cpu)]];
  if (fact.fact === 'reset-cause') return [['reset', fact.cause]];
  if (fact.fact === 'qemu-exit' && !fact.asked) return [['QEMU', `exit ${fact.code ?? fact.signal ?? '?'}`]];
  return fact.fact === 'deadline' ? [['deadline', fact.what]] : [];
}

/** Which pins are in use, masked, pending. Which CPU an interrupt goes to, and its vector, is decided as a guest boots. */
function controllerLines(state: Extract<HostFact, { fact: 'interrupt-state' }>): [string, string][] {
  return interruptStateLines(state).map((line, index) => {
    const [name = ''] = /^ *(pin +\d+|cpu\d+ local APIC|8259|IO-APIC|no [\w-]+)/.exec(line) ?? [
      `line ${index}`,
    ];
    return [name.trim(), line.trim()];
  });
}

/** More lines than this of a console are not compared one by one: a guest that floods it says the same over and over. */
const MOST_LINES = 50_000;
/** Beyond so many changed lines an exact diff takes too long: its time grows with their square. */
const MOST_CHANGES = 1_500;

/** Compares two consoles line by line, without times, addresses and what {@link normalLine} removes besides. Pure. */
export function diffConsoles(
  left: Pick<ComparedRun, 'consoleBytes' | 'plan'>,
  right: Pick<ComparedRun, 'consoleBytes' | 'plan'>,
): ConsoleDiff {
  const [{ lines: ofLeft, rest: leftRest }, { lines: ofRight, rest: rightRest }] = [
    linesOf(left),
    linesOf(right),
  ];
  const counts = {
    leftLines: ofLeft.length,
    rightLines: ofRight.length,
    unshown: { left: leftRest.count, right: rightRest.count, differ: leftRest.text !== rightRest.text },
  };
  const parts = isFar(ofLeft, ofRight)
    ? undefined
    : diffArrays(
        ofLeft.map(({ normal }) => normal),
        ofRight.map(({ normal }) => normal),
        { maxEditLength: MOST_CHANGES },
      );
  if (parts === undefined) return { ...counts, ...summaryOf(ofLeft, ofRight) };
  const raw: { left: Line[]; right: Line[]; after: Line | undefined }[] = [];
  let [atLeft, atRight] = [0, 0];
  let open: (typeof raw)[number] | undefined;
  for (const { added, removed, count } of parts) {
    if (!added && !removed) {
      atLeft += count;
      atRight += count;
      open = undefined;
      continue;
    }
    if (open === undefined) {
      open = { left: [], right: [], after: ofLeft[atLeft - 1] };
      raw.push(open);
    }
    if (removed) open.left.push(...ofLeft.slice(atLeft, (atLeft += count)));
    else open.right.push(...ofRight.slice(atRight, (atRight += count)));
  }
  return { ...counts, ...withoutChance(raw), isSummary: false };
}

/** Whether the lines that only one of them has are too many already. */
function isFar(left: readonly Line[], right: readonly Line[]): boolean {
  const lacking = (lines: readonly Line[], others: readonly Line[]) => {
    const known = new Set(others.map(({ normal }) => normal));
    return lines.filter(({ normal }) => !known.has(normal)).length;
  };
  return lacking(left, right) + lacking(right, left) > MOST_CHANGES;
}

interface Line extends DiffLine {
  readonly normal: string;
}

/** The lines that are compared one by one; of the others it is only known whether they are the same. */
function linesOf({ consoleBytes, plan }: Pick<ComparedRun, 'consoleBytes' | 'plan'>): {
  lines: Line[];
  rest: { count: number; text: string };
} {
  const lines: Line[] = [];
  const rest: string[] = [];
  let count = 0;
  for (const text of consoleBytes.toString('latin1').split(/[\r\n]+/)) {
    const normal = normalLine(text.slice(0, LONGEST), plan);
    if (normal === '') continue;
    if (lines.length < MOST_LINES) lines.push({ number: lines.length + 1, text, normal });
    else {
      count += 1;
      if (!isIncidental(normal)) rest.push(normal);
    }
  }
  return { lines, rest: { count, text: rest.join('\n') } };
}

/** A line is compared up to here, characters. */
const LONGEST = 2_000;

/** Takes out the lines that only moved, and those that are there by chance. */
function withoutChance(
  raw: readonly { left: readonly Line[]; right: readonly Line[]; after: Line | undefined }[],
): Pick<ConsoleDiff, 'hunks' | 'moved' | 'incidental'> {
  const moved = movedLines(
    raw.flatMap((hunk) => hunk.left),
    raw.flatMap((hunk) => hunk.right),
  );
  let incidental = 0;
  const counts = (line: Line): boolean => {
    if (moved.has(line)) return false;
    if (!isIncidental(line.normal)) return true;
    incidental += 1;
    return false;
  };
  const hunks = raw.flatMap(({ left, right, after }) => {
    const hunk = { left: left.filter(counts).map(plain), right: right.filter(counts).map(plain) };
    if (hunk.left.length + hunk.right.length === 0) return [];
    return [{ ...hunk, after: after === undefined ? undefined : plain(after) }];
  });
  return { hunks, moved: moved.size / 2, incidental };
}

/** Pairs of lines that both runs have, though not at the same place. */
function movedLines(left: readonly Line[], right: readonly Line[]): Set<Line> {
  const waiting = new Map<string, Line[]>();
  for (const line of right) {
    const same = waiting.get(line.normal);
    if (same === undefined) waiting.set(line.normal, [line]);
    else same.push(line);
  }
  const moved = new Set<Line>();
  for (const line of left) {
    const other = waiting.get(line.normal)?.shift();
    if (other !== undefined) moved.add(line).add(other);
  }
  return moved;
}

function summaryOf(
  left: readonly Line[],
  right: readonly Line[],
): Pick<ConsoleDiff, 'hunks' | 'moved' | 'incidental' | 'isSummary'> {
  const onlyIn = (lines: readonly Line[], others: readonly Line[]) => {
    const seen = new Set(others.map(({ normal }) => normal));
    return lines.filter(({ normal }) => {
      if (seen.has(normal)) return false;
      seen.add(normal);
      return true;
    });
  };
  const all = [{ left: onlyIn(left, right), right: onlyIn(right, left), after: undefined }];
  return { ...withoutChance(all), isSummary: true };
}

function plain({ number, text }: Line): DiffLine {
  return { number, text };
}
