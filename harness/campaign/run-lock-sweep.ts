import { isDeepStrictEqual } from 'node:util';
import { usageFault } from '../model/fault.js';
import type { Scenario } from '../plan/scenario.js';
import { readPlan } from '../store/run-directory.js';
import { ROUNDS } from '../sweep/crash-locks/lock-functions.js';
import { cpusAskedFor } from '../plan/command-line.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Confirmation } from '../sweep/crash-locks/confirm.js';
import { CRASHER_CPU, DEFAULT_CONTEXT } from '../sweep/crash-locks/contexts.js';
import { type CrashLock, crashLocks, missingFunctions } from '../sweep/crash-locks/locks.js';
import type { HeldOutcome } from '../sweep/crash-locks/blame.js';
import { isFatal, type LockMap, mappedLocks } from '../sweep/crash-locks/map.js';
import { holdOf, holdScenario } from '../sweep/crash-locks/hold-script.js';
import { hasPstore } from '../sweep/crash-locks/pstore.js';
import { contextOf, recordScenario } from '../sweep/crash-locks/record-script.js';
import { type Holder, HOLDERS, type Setting } from '../sweep/crash-locks/script.js';
import type { PointOutcome } from '../sweep/outcome.js';
import { countOf } from '../report/words.js';
import { withBlame } from './blame-run.js';
import { confirmLocks, type FatalLock } from './confirm-locks.js';
import { recordFlags } from './record-flags.js';
import { recordRounds } from './record-rounds.js';
import { guestOfMap, type SweepArm, type SweepRunOptions, SweepRuns } from './sweep-runs.js';

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
  const setting = settingOf(target.template);
  const rounds = ROUNDS.map((functions, round) => ({
    scenario: recordScenario(round, setting),
    of: functions.map(({ name }) => name),
  }));
  const { recordings, ...recorded } = await recordRounds(runs, rounds, options);
  if (recordings.length === 0)
    return {
      kind: 'no-map',
      why: recorded.unrecorded[0]?.why ?? 'it was stopped before anything was recorded',
    };
  const inLine = await recordFlags(runs, recordings, { setting, ...options });
  const controls = [...recorded.controls, ...inLine.controls];
  const unrecorded = [...recorded.unrecorded, ...inLine.unrecorded];
  const locks = [...crashLocks(recordings), ...inLine.flags];
  const held = locks.map((lock, index) => ({
    another: holdScenario(lock, index, { holder: 'another', ...setting }),
    itself: holdScenario(lock, index, { holder: 'itself', ...setting }),
  }));
  const scenariosOf = ({ another, itself }: (typeof held)[number]) =>
    [another, itself].filter((scenario) => typeof scenario !== 'string');
  // A limit that is lower than before does not undo what has run.
  const tried = held.filter(
    (one, index) => index < options.locksMost || scenariosOf(one).some(({ name }) => runs.triesOf(name) > 0),
  );
  const wanted = tried.flatMap(scenariosOf);
  // One run may stand for both holders of a flag.
  const planned = [...new Map(wanted.map((scenario) => [scenario.name, scenario])).values()];
  const sites = locks.reduce((sum, lock) => sum + lock.sites.length, 0);
  // What a stopped recording has may lack locks: it is no plan.
  if (options.signal?.aborted !== true) {
    await requireSameScripts(directory, { runs, planned });
    const left = planned.filter(({ name }) => runs.triesOf(name) === 0).length;
    const leftText = left === planned.length ? '' : `; ${left} left`;
    options.onPlan?.(
      `${countOf(locks.length, 'lock')} at ${countOf(sites, 'place')}; ${countOf(planned.length, 'run')} with one of them held${leftText}`,
    );
    options.onAhead?.({ left, more: true });
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
    const flags = new Set(
      [...ends].flatMap(([name, end]) => {
        const index = holdOf(name)?.index ?? -1;
        return locks[index]?.kind === 'flag' && isFatal(end) === true ? [index] : [];
      }),
    );
    const confirmationOf = await confirmLocks(fatal, { runs, setting, options, flags: flags.size });
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
      qemu: target.template.qemu.version,
      context: setting.context,
      ...(setting.pstore === true ? { pstore: true } : {}),
      append: target.template.append,
      runs: runs.count,
      complete:
        unrecorded.length === 0 &&
        tried.length === locks.length &&
        planned.every(({ name }) => outcomes.has(name)) &&
        mapped.every(({ confirmed }) => Object.values(confirmed).every(({ end }) => end !== 'not run')),
      ...{ controls, missing: missingFunctions(recordings), unrecorded },
      ...{ locks: mapped, atomics: inLine.atomics, unseen: inLine.unseen },
    };
  }
}

/** The locks that are shown to prevent the dump, by holder; a flag is taken by no call that could be searched. */
function fatalLocks(
  locks: readonly CrashLock[],
  outcomeOf: (index: number, holder: Holder) => HeldOutcome | undefined,
): FatalLock[] {
  return locks.flatMap((lock, index) =>
    HOLDERS.flatMap((holder) => {
      const outcome = lock.kind === 'flag' ? undefined : outcomeOf(index, holder);
      return outcome !== undefined && isFatal(outcome) === true ? [{ lock, index, holder }] : [];
    }),
  );
}

/** Context and pstore are those of the scenario from which the guest was planned; a command line may leave vCPUs unused. */
export function settingOf({
  scenario,
  machine,
  append,
}: Pick<RunPlan, 'scenario' | 'machine' | 'append'>): Setting {
  const cpus = cpusAskedFor(append, machine.cpus)?.count ?? machine.cpus;
  const pstore = hasPstore(scenario) ? { pstore: true } : {};
  return { context: contextOf(scenario.name) ?? DEFAULT_CONTEXT, cpus, ...pstore };
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
