import betaQuantile from '@stdlib/stats-base-dists-beta-quantile';

/** All intervals and bounds are 95 % ones. */
export const CONFIDENCE = 0.95;

/**
 * The two-sided 95 % Clopper-Pearson interval of a rate, `[lower, upper]` within 0 and 1: exact, so it covers the true
 * rate with at least that probability, for any rate (Clopper and Pearson, Biometrika 26, 1934). Undefined without
 * trials.
 */
export function rateInterval(failures: number, trials: number): [lower: number, upper: number] | undefined {
  if (trials === 0) return undefined;
  const tail = (1 - CONFIDENCE) / 2;
  return [
    failures === 0 ? 0 : betaQuantile(tail, failures, trials - failures + 1),
    failures === trials ? 1 : betaQuantile(1 - tail, failures + 1, trials - failures),
  ];
}

/**
 * The one-sided 95 % upper bound of the rate of an event that did not occur in `trials` trials: 1 - 0.05^(1/trials). So
 * many trials miss an event of a lower rate with a probability above 5 %. Without trials it is 1.
 */
export function boundOfNone(trials: number): number {
  return trials === 0 ? 1 : betaQuantile(CONFIDENCE, 1, trials);
}
