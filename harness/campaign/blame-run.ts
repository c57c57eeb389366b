import { readHostFacts } from '../store/read-recording.js';
import { blameOf, type HeldOutcome, type HeldRun } from '../sweep/crash-locks/blame.js';
import type { CrashLock } from '../sweep/crash-locks/locks.js';
import type { PointOutcome } from '../sweep/outcome.js';

/** Adds what shows that a held lock is why a run was not captured, from the run's recording. */
export async function withBlame(
  outcome: PointOutcome,
  lock: CrashLock,
  run: Pick<HeldRun, 'held' | 'crasher'>,
): Promise<HeldOutcome> {
  if (outcome.end === 'captured' || outcome.end === 'unknown') return outcome;
  const facts = await readHostFacts(outcome.directory);
  return { ...outcome, blame: blameOf({ ...run, facts, lock, detail: outcome.detail }) };
}
