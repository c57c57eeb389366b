import type { RunResult } from '../model/result.js';
import type { Scenario } from '../plan/scenario.js';
import { readFacts } from '../store/read-recording.js';
import type { Recording } from '../sweep/crash-locks/locks.js';
import type { LockMap } from '../sweep/crash-locks/map.js';
import { CRASHER_CPU } from '../sweep/crash-locks/contexts.js';
import type { Control } from '../sweep/map.js';
import { isInconclusive } from './record-trace.js';
import { type SweepRunOptions, type SweepRuns, TRIES } from './sweep-runs.js';

/** A run that records, and what is not known without it. */
export interface Round {
  readonly scenario: Scenario;
  /** Functions, or places. */
  readonly of: readonly string[];
}

/** What rounds have recorded. */
export interface RecordedRounds {
  readonly recordings: readonly Recording[];
  readonly controls: readonly Control[];
  readonly unrecorded: LockMap['unrecorded'];
}

/** Carries out runs that record; one that fails is tried once more. Runs that the sweep has already are not repeated. */
export async function recordRounds(
  runs: SweepRuns,
  rounds: readonly Round[],
  options: SweepRunOptions,
): Promise<RecordedRounds> {
  await runRounds(runs, rounds, options);
  const recordings: Recording[] = [];
  const controls: Control[] = [];
  const unrecorded: { functions: readonly string[]; why: string }[] = [];
  for (const { scenario, of: functions } of rounds) {
    const result = runs.lastOf(scenario.name);
    const recording = result === undefined ? undefined : await recordingOf(result);
    if (result === undefined || recording === undefined) {
      unrecorded.push({ functions, why: whyUnrecorded(result) });
      continue;
    }
    recordings.push(recording);
    controls.push({ verdict: result.verdict, runId: result.runId });
  }
  return { recordings, controls, unrecorded };
}

/** Runs what has no conclusive end yet, twice at most. */
export async function runRounds(
  runs: SweepRuns,
  rounds: readonly Pick<Round, 'scenario'>[],
  options: SweepRunOptions,
): Promise<void> {
  for (;;) {
    const open = rounds.flatMap(({ scenario }) => {
      const last = runs.lastOf(scenario.name);
      const again = last === undefined || isInconclusive(last);
      return again && runs.triesOf(scenario.name) < TRIES ? [scenario] : [];
    });
    if (open.length === 0 || options.signal?.aborted === true) return;
    await runs.run(open, options);
  }
}

/** Why there is no recording, or no search, of a run. */
export function whyUnrecorded(result: RunResult | undefined): string {
  if (result === undefined) return 'it was stopped';
  const { runId, verdict, explanation } = result;
  return isInconclusive(result) ? explanation : `run ${runId} (${verdict}) has no whole recording`;
}

/** What a run recorded; undefined unless both parts came to their ends. */
async function recordingOf(result: RunResult): Promise<Recording | undefined> {
  const facts = await readFacts(result.directory, 'recorded');
  const isWhole = facts.length === 2 && facts.every(({ reached }) => reached);
  return isWhole ? { facts, crasher: CRASHER_CPU } : undefined;
}
