import { isDeepStrictEqual } from 'node:util';
import { usageFault } from '../model/fault.js';
import type { RunResult } from '../model/result.js';
import type { Scenario } from '../plan/scenario.js';
import { rejudge } from '../store/rejudge.js';
import { readPlan } from '../store/run-directory.js';
import { ROUNDS } from '../sweep/crash-locks/lock-functions.js';
import type { Confirmation } from '../sweep/crash-locks/confirm.js';
import { type CrashLock, crashLocks, missingFunctions, type Recording } from '../sweep/crash-locks/locks.js';
import type { HeldOutcome } from '../sweep/crash-locks/blame.js';
import { isFatal, type LockMap, mappedLocks } from '../sweep/crash-locks/map.js';
import {
  CRASHER_CPU,
  type Holder,
  HOLDERS,
  holdOf,
  holdScenario,
  recordName,
  recordScenario,
} from '../sweep/crash-locks/script.js';
import type { Control } from '../sweep/map.js';
import type { PointOutcome } from '../sweep/outcome.js';
import { withBlame } from './blame-run.js';
import { confirmLocks, type FatalLock } from './confirm-locks.js';
import { isInconclusive } from './record-trace.js';
import { guestOfMap, type SweepArm, type SweepRunOptions, SweepRuns, TRIES } from './sweep-runs.js';

/** Options of {@link runLockSweep}. */
export interface LockSweepOptions extends SweepRunOptions {
  /** Upper limit of the locks that are tried. */
  readonly locksMost: number;
  readonly onPlan?: ((text: string) => void) | undefined;
}

/** The result of a sweep: a map, or the reason why nothing was recorded. */
export type LockSweep =
  | { readonly kind: 'map'; readonly map: LockMap }
  | { readonly kind: 'no-map'; readonly why: string };

/**
 * Sweeps one kernel: records the locks that its crash path takes, then crashes it with each of them held by another CPU
 * and by the panicking one. Runs in the campaign's directory are not repeated.
 */
export async function runLockSweep(
  directory: string,
  target: SweepArm,
  options: LockSweepOptions,
): Promise<LockSweep> {
  const runs = await SweepRuns.read(directory, target);
  const { recordings, controls, unrecorded } = await record(runs, options);
  if (recordings.length === 0)
    return { kind: 'no-map', why: unrecorded[0]?.why ?? 'it was stopped before anything was recorded' };
  const locks = crashLocks(recordings);
  const held = locks.map((lock, index) => ({
    another: holdScenario(lock, index, 'another'),
    itself: holdScenario(lock, index, 'itself'),
  }));
  const planned = held
    .slice(0, options.locksMost)
    .flatMap(({ another, itself }) => [another, itself].filter((scenario) => typeof scenario !== 'string'));
  const sites = locks.reduce((sum, lock) => sum + lock.sites.length, 0);
  // What a stopped recording has may lack locks: it is no plan.
  if (options.signal?.aborted !== true) {
    await requireSameScripts(directory, { runs, planned });
    options.onPlan?.(`${locks.length} locks at ${sites} places; ${planned.length} runs`);
  }
  for (;;) {
    const outcomes = await runs.outcomes((name) => (holdOf(name) === undefined ? undefined : name));
    const open = planned.filter(({ name }) => !outcomes.has(name));
    if (open.length > 0 && options.signal?.aborted !== true) {
      await runs.run(open, options);
      continue;
    }
    const ends = await blamed(outcomes);
    const fatal = fatalLocks(locks, (index, holder) => {
      const scenario = held[index]?.[holder];
      return typeof scenario === 'object' ? ends.get(scenario.name) : undefined;
    });
    const confirmationOf = await confirmLocks(fatal, { runs, options });
    return { kind: 'map', map: mapOf(ends, confirmationOf) };
  }

  /** Adds what shows that the held lock is the cause. */
  async function blamed(
    outcomes: ReadonlyMap<string, PointOutcome>,
  ): Promise<ReadonlyMap<string, HeldOutcome>> {
    const ends = new Map<string, HeldOutcome>();
    for (const [name, outcome] of outcomes) {
      const lock = locks[holdOf(name)?.index ?? -1];
      const blame = { held: 'by a call', crasher: CRASHER_CPU } as const;
      ends.set(name, lock === undefined ? outcome : await withBlame(outcome, lock, blame));
    }
    return ends;
  }

  function mapOf(
    outcomes: ReadonlyMap<string, HeldOutcome>,
    confirmationOf: (index: number, holder: Holder) => Confirmation,
  ): LockMap {
    const mapped = mappedLocks(
      locks,
      (index, holder) => {
        const scenario = held[index]?.[holder];
        return typeof scenario === 'object' ? outcomes.get(scenario.name) : scenario;
      },
      confirmationOf,
    );
    return {
      ...{ schema: 1, sweep: 'crash-locks' },
      ...guestOfMap(target.template),
      append: target.template.append,
      runs: runs.count,
      complete:
        unrecorded.length === 0 &&
        locks.length <= options.locksMost &&
        planned.every(({ name }) => outcomes.has(name)) &&
        mapped.every(({ confirmed }) => Object.values(confirmed).every(({ end }) => end !== 'not run')),
      ...{ controls, missing: missingFunctions(recordings), unrecorded },
      locks: mapped,
    };
  }
}

/** The locks that are shown to prevent the dump, by holder. */
function fatalLocks(
  locks: readonly CrashLock[],
  outcomeOf: (index: number, holder: Holder) => HeldOutcome | undefined,
): FatalLock[] {
  return locks.flatMap((lock, index) =>
    HOLDERS.flatMap((holder) => {
      const outcome = outcomeOf(index, holder);
      return outcome !== undefined && isFatal(outcome) === true ? [{ lock, index, holder }] : [];
    }),
  );
}

interface Recorded {
  readonly recordings: readonly Recording[];
  readonly controls: readonly Control[];
  readonly unrecorded: LockMap['unrecorded'];
}

/** Records all rounds; one that fails is tried once more. */
async function record(runs: SweepRuns, options: SweepRunOptions): Promise<Recorded> {
  for (;;) {
    const open = ROUNDS.map((_, round) => recordScenario(round)).filter(({ name }) => {
      const last = runs.lastOf(name);
      return runs.triesOf(name) < TRIES && (last === undefined || isInconclusive(last));
    });
    if (open.length === 0 || options.signal?.aborted === true) break;
    await runs.run(open, options);
  }
  const recordings: Recording[] = [];
  const controls: Control[] = [];
  const unrecorded: { functions: string[]; why: string }[] = [];
  for (const [round, functions] of ROUNDS.entries()) {
    const result = runs.lastOf(recordName(round));
    const recording = result === undefined ? undefined : await recordingOf(result);
    if (result === undefined || recording === undefined) {
      const why = whyUnrecorded(result);
      unrecorded.push({ functions: functions.map(({ name }) => name), why });
      continue;
    }
    recordings.push(recording);
    controls.push({ verdict: result.verdict, runId: result.runId });
  }
  return { recordings, controls, unrecorded };
}

function whyUnrecorded(result: RunResult | undefined): string {
  if (result === undefined) return 'it was stopped';
  const { runId, verdict, explanation } = result;
  return isInconclusive(result) ? explanation : `run ${runId} (${verdict}) has no whole recording`;
}

/**
 * Throws a usage fault when stored runs held other locks than the recordings give now: a lock is known by its number, and
 * another version of crashpath may number them otherwise.
 */
async function requireSameScripts(
  directory: string,
  { runs, planned }: { runs: SweepRuns; planned: readonly Scenario[] },
): Promise<void> {
  for (const { name, trigger } of planned) {
    const last = runs.lastOf(name);
    if (last === undefined) continue;
    const { scenario } = await readPlan(last.directory);
    if (isDeepStrictEqual(scenario.trigger, trigger)) continue;
    throw usageFault(
      `cannot resume "${directory}": run ${last.runId} is not what its sweep would run now (another version of crashpath); begin a new sweep`,
    );
  }
}

/** What a run recorded; undefined unless both parts came to their ends. */
async function recordingOf(result: RunResult): Promise<Recording | undefined> {
  const { events } = await rejudge(result.directory);
  const facts = events.flatMap((event) =>
    event.type === 'host' && event.fact.fact === 'recorded' ? [event.fact] : [],
  );
  const isWhole = facts.length === 2 && facts.every(({ reached }) => reached);
  return isWhole ? { facts, crasher: CRASHER_CPU } : undefined;
}
