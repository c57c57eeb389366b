import type { LockTakersFact } from '../model/lock-takers.js';
import { readFacts } from '../store/read-recording.js';
import {
  comingCpu,
  type Confirmation,
  type ConfirmationEnd,
  type Confirming,
  confirmingTakers,
  confirmName,
  confirmScenario,
  isSearchable,
  takersOf,
  takersScenario,
} from '../sweep/crash-locks/confirm.js';
import { CRASHER_CPU } from '../sweep/crash-locks/contexts.js';
import type { CrashLock } from '../sweep/crash-locks/locks.js';
import type { HeldOutcome } from '../sweep/crash-locks/blame.js';
import { isFatal, isUnexplained } from '../sweep/crash-locks/map.js';
import type { Holder, Setting } from '../sweep/crash-locks/script.js';
import type { PointOutcome } from '../sweep/outcome.js';
import { countOf } from '../report/words.js';
import { withBlame } from './blame-run.js';
import { runRounds } from './record-rounds.js';
import type { SweepRunOptions, SweepRuns } from './sweep-runs.js';

/** Options of {@link confirmLocks}. */
export interface ConfirmOptions extends SweepRunOptions {
  readonly onPlan?: ((text: string) => void) | undefined;
}

/** A lock that is fatal if held, by this holder. */
export interface FatalLock {
  readonly lock: CrashLock;
  readonly index: number;
  readonly holder: Holder;
}

/**
 * For each lock that is fatal if held: which calls take it, and does a CPU that comes to one by itself, with the lock
 * held, prevent the dump? Runs that the campaign's directory has are not repeated; of each lock's places the first that
 * confirms it is the last.
 */
export async function confirmLocks(
  fatal: readonly FatalLock[],
  {
    runs,
    setting,
    options,
    flags,
  }: {
    runs: SweepRuns;
    setting: Setting;
    options: ConfirmOptions;
    /** Flags that are fatal if held: they are taken by no call. */
    flags: number;
  },
): Promise<(index: number, holder: Holder) => Confirmation> {
  const searchable = [...new Set(fatal.map(({ lock }) => lock).filter(isSearchable))];
  const facts = await searchTakers(searchable, { runs, setting, options });
  const cases = fatal.map((one) => caseOf(one, facts));
  let isAnnounced = false;
  for (;;) {
    const ended = await runs.outcomes((name) => (name.includes('-at-') ? name : undefined));
    const outcomes = await blamed(cases, { ended, setting });
    const next = cases.flatMap((one) => nextOf(one, { outcomes, setting }) ?? []);
    // What was stopped may lack locks, and has no call sites.
    if (!isAnnounced && cases.length + flags > 0 && options.signal?.aborted !== true) {
      isAnnounced = true;
      const left = cases.reduce((sum, one) => sum + openPlaces(one, outcomes), 0);
      options.onPlan?.(planText(cases, { flags, left }));
      options.onAhead?.({ left, more: left > 0 });
    }
    if (next.length === 0 || options.signal?.aborted === true) {
      return (index, holder) => {
        const found = cases.find(({ fatal }) => fatal.index === index && fatal.holder === holder);
        return confirmationOf(found, outcomes);
      };
    }
    await runs.run(next, options);
  }
}

/** One lock with one holder: the calls that take it, and those that are tried. `takers` undefined: not searched. */
interface Case {
  readonly fatal: FatalLock;
  readonly takers: LockTakersFact['takers'] | undefined;
  readonly confirming: readonly Confirming[];
}

function caseOf(fatal: FatalLock, facts: readonly LockTakersFact[]): Case {
  const takers = isSearchable(fatal.lock) ? takersOf(fatal.lock, facts)?.takers : undefined;
  return { fatal, takers, confirming: confirmingTakers(takers ?? []) };
}

function nameOf({ index, holder }: FatalLock, place: number): string {
  return confirmName(index, holder, place);
}

/** Adds what shows that the held lock is the cause. The CPU that panics is the one that came by, when it is the holder. */
async function blamed(
  cases: readonly Case[],
  { ended, setting }: { ended: ReadonlyMap<string, PointOutcome>; setting: Setting },
): Promise<ReadonlyMap<string, HeldOutcome>> {
  const outcomes = new Map<string, HeldOutcome>();
  for (const { fatal, confirming } of cases) {
    const crasher = fatal.holder === 'another' ? CRASHER_CPU : comingCpu(setting);
    for (const place of confirming.keys()) {
      const name = nameOf(fatal, place);
      const outcome = ended.get(name);
      if (outcome === undefined) continue;
      outcomes.set(name, await withBlame(outcome, fatal.lock, { held: 'by itself', crasher }));
    }
  }
  return outcomes;
}

/** The next scenario of a case; undefined when it is settled. */
function nextOf(
  { fatal, confirming }: Case,
  { outcomes, setting }: { outcomes: ReadonlyMap<string, HeldOutcome>; setting: Setting },
) {
  for (const [place, taker] of confirming.entries()) {
    const name = nameOf(fatal, place);
    const outcome = outcomes.get(name);
    if (outcome === undefined)
      return confirmScenario(fatal.lock, name, { holder: fatal.holder, confirming: taker, setting });
    if (isFatal(outcome) === true) return undefined;
  }
  return undefined;
}

function confirmationOf(found: Case | undefined, outcomes: ReadonlyMap<string, HeldOutcome>): Confirmation {
  if (found === undefined) return { end: 'not run', takers: [], tried: [] };
  const { fatal, takers, confirming } = found;
  const tried = confirming.flatMap(({ taker, stimulus }, place) => {
    const outcome = outcomes.get(nameOf(fatal, place));
    return outcome === undefined ? [] : [{ in: taker.in, stimulus: stimulus.name, outcome }];
  });
  return {
    end: endOf(
      found,
      tried.map(({ outcome }) => outcome),
    ),
    takers: (takers ?? []).map((taker) => {
      const reached = confirming.find((one) => one.taker === taker);
      return { ...taker, ...(reached === undefined ? {} : { stimulus: reached.stimulus.name }) };
    }),
    tried,
  };
}

function endOf({ fatal, takers, confirming }: Case, outcomes: readonly HeldOutcome[]): ConfirmationEnd {
  if (takers === undefined) return isSearchable(fatal.lock) ? 'not run' : 'not searched';
  if (takers.length === 0) return 'no taker';
  if (confirming.length === 0) return 'no stimulus';
  if (outcomes.some((outcome) => isFatal(outcome) === true)) return 'confirmed';
  if (outcomes.length < confirming.length) return 'not run';
  if (outcomes.some(isUnexplained)) return 'not shown';
  return outcomes.some(({ end }) => end === 'captured') ? 'harmless there' : 'not reached';
}

/** One run searches for all; one that fails is tried once more. */
async function searchTakers(
  locks: readonly CrashLock[],
  { runs, setting, options }: { runs: SweepRuns; setting: Setting; options: SweepRunOptions },
): Promise<readonly LockTakersFact[]> {
  if (locks.length === 0) return [];
  const scenario = takersScenario(locks, setting);
  await runRounds(runs, [{ scenario }], options);
  const last = runs.lastOf(scenario.name);
  return last === undefined ? [] : readFacts(last.directory, 'lock-takers');
}

/** Places of a case that may still be tried. */
function openPlaces({ fatal, confirming }: Case, outcomes: ReadonlyMap<string, HeldOutcome>): number {
  const known = confirming.map((_, place) => outcomes.get(nameOf(fatal, place)));
  if (known.some((outcome) => outcome !== undefined && isFatal(outcome) === true)) return 0;
  return known.filter((outcome) => outcome === undefined).length;
}

function planText(
  cases: readonly Case[],
  { flags, left }: { readonly flags: number; readonly left: number },
): string {
  const runs = cases.reduce((sum, { confirming }) => sum + confirming.length, 0);
  const locks = new Set(cases.map(({ fatal: { index } }) => index)).size;
  const followed = flags === 0 ? '' : `, ${locks} of them can be followed up (flags are not)`;
  const head = `${countOf(locks + flags, 'lock')} fatal if held${followed}`;
  if (runs === 0) return head;
  return `${head}; up to ${countOf(runs, 'run')} to confirm ${locks === 1 ? 'it' : 'them'}${left === runs ? '' : `; ${left} left`}`;
}
