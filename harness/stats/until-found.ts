import betaQuantile from '@stdlib/stats-base-dists-beta-quantile';
import { CONFIDENCE, rateInterval } from './binomial.js';

/** Trials that were to end with the `until`-th occurrence of an event, or at a limit. */
export interface TrialsUntil {
  /** Occurrences among the first `trials`. */
  readonly found: number;
  /** Trials up to the last occurrence that was waited for; all of them when there were fewer. */
  readonly trials: number;
  /** The occurrences that end the trials. */
  readonly until: number;
}

/**
 * The two-sided 95 % interval of the event's rate, `[lower, upper]`, exact for trials that the `until`-th occurrence
 * ended: the last trial is an occurrence by design, so the upper bound is that of `until` - 1 occurrences or fewer in the
 * trials before it (inverse sampling; Haldane, Biometrika 33, 1945). The lower bound is that of a fixed number of trials.
 * Trials that came to their limit first have the interval of a fixed number: among the possible ends, each with fewer
 * occurrences, or as many later, counts as further from the event. Undefined without trials. Pure.
 */
export function rateUntil({ found, trials, until }: TrialsUntil): [lower: number, upper: number] | undefined {
  const fixed = rateInterval(found, trials);
  if (fixed === undefined || found < until) return fixed;
  const tail = (1 - CONFIDENCE) / 2;
  return [fixed[0], trials === found ? 1 : betaQuantile(1 - tail, found, trials - found)];
}
