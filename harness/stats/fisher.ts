import hypergeometricPmf from '@stdlib/stats-base-dists-hypergeometric-pmf';

/** One kernel's counts: how many of its judged trials failed. */
export interface Seen {
  readonly failures: number;
  readonly judged: number;
}

/** Tolerance for tables of equal probability, against rounding errors; as in R's fisher.test. */
const ROUNDING = 1 + 1e-7;

/**
 * The two-sided p value of Fisher's exact test: the probability that two kernels with equal failure rates differ by
 * chance at least this much (the sum over all tables that are not more likely). 1 when either has no judged trial.
 */
export function fisherExact(one: Seen, other: Seen): number {
  const judged = one.judged + other.judged;
  const failures = one.failures + other.failures;
  const chance = (ofOne: number) => hypergeometricPmf(ofOne, judged, failures, one.judged);
  const seen = chance(one.failures) * ROUNDING;
  const least = Math.max(0, failures - other.judged);
  const most = Math.min(failures, one.judged);
  let sum = 0;
  for (let ofOne = least; ofOne <= most; ofOne += 1) {
    const likely = chance(ofOne);
    if (likely <= seen) sum += likely;
  }
  return Math.min(1, sum);
}

/**
 * The one-sided p value: the probability that, of two kernels with equal failure rates, the first fails by chance at
 * least as often as it did. 1 when either has no judged trial.
 */
export function fisherMore(one: Seen, other: Seen): number {
  if (one.judged === 0 || other.judged === 0) return 1;
  const judged = one.judged + other.judged;
  const failures = one.failures + other.failures;
  let sum = 0;
  for (let ofOne = one.failures; ofOne <= Math.min(failures, one.judged); ofOne += 1) {
    sum += hypergeometricPmf(ofOne, judged, failures, one.judged);
  }
  return Math.min(1, sum);
}
