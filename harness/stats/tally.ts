import { TRIAL_CLASSES, type TrialClass, VERDICTS, type VerdictWord } from '../model/verdict.js';
import type { Seen } from './fisher.js';

/** Outcomes of the trials of one kernel. `trials` is the sum of the others. */
export interface Tally extends Readonly<Record<TrialClass, number>> {
  readonly trials: number;
  readonly captured: number;
  /** Hangs: of the crash path, in purgatory, of the capture kernel. */
  readonly hung: number;
  /** Every other failure of the capture: resets, panics of the capture kernel, no vmcore, ... */
  readonly other: number;
  readonly void: number;
  readonly harnessErrors: number;
}

/** Counts verdicts. */
export function tallyOf(verdicts: readonly VerdictWord[]): Tally {
  const tally = { trials: verdicts.length, captured: 0, hung: 0, other: 0, void: 0, harnessErrors: 0 };
  for (const verdict of verdicts) tally[VERDICTS[verdict].trialClass] += 1;
  return tally;
}

/** Adds counts up. */
export function sumOf(tallies: readonly Tally[]): Tally {
  const sum = { trials: 0, captured: 0, hung: 0, other: 0, void: 0, harnessErrors: 0 };
  for (const tally of tallies) {
    for (const name of ['trials', ...TRIAL_CLASSES] as const) {
      sum[name] += tally[name];
    }
  }
  return sum;
}

/**
 * The counts that enter a rate, without voids and harness errors. A trial failed when it was judged and not captured.
 */
export function seenOf({ captured, hung, other }: Tally): Seen {
  return { failures: hung + other, judged: captured + hung + other };
}
