import { boundOfNone } from './binomial.js';
import { SIGNIFICANCE } from './corrections.js';
import { fisherExact, type Seen } from './fisher.js';

/**
 * A kernel compared with the baseline. `fixes`: it fails less often, and did not fail at all; `improves`: it fails less
 * often, but still fails; `unknown`: one of the two has no judged trial.
 */
export type Relation = 'fixes' | 'improves' | 'regresses' | 'no-difference' | 'unknown';

/** A kernel against the baseline. */
export interface Contrast {
  /** Fisher's exact test, two-sided, corrected for the looks and for all comparisons; null without judged trials. */
  readonly pValue: number | null;
  readonly relation: Relation;
  /** The same in words; begins with the words for the relation, which do not change. */
  readonly conclusion: string;
}

/** Input of {@link conclude}. */
export interface Held {
  readonly baseline: Seen;
  readonly kernel: Seen;
  /** Corrected; see {@link Contrast.pValue}. */
  readonly pValue: number;
  /**
   * Largest factor of a single p value (looks times comparisons), for the failures that would have been significant.
   */
  readonly factor: number;
  /** The kernel's name in the conclusion. */
  readonly subject: 'candidate' | 'kernel';
}

/** States what the counts prove, and when they prove nothing, what they could not have shown. */
export function conclude(held: Held): Contrast {
  const { baseline, kernel, pValue, subject } = held;
  if (baseline.judged === 0 || kernel.judged === 0) {
    const whose = [...(baseline.judged === 0 ? ['baseline'] : []), ...(kernel.judged === 0 ? [subject] : [])];
    const conclusion = `nothing can be concluded; no trial of the ${whose.join(' and the ')} could be judged`;
    return { pValue: null, relation: 'unknown', conclusion };
  }
  // Products instead of quotients: 1/3 and 2/6 are the same rate.
  const more = kernel.failures * baseline.judged - baseline.failures * kernel.judged;
  if (pValue > SIGNIFICANCE || more === 0) {
    return { pValue, relation: 'no-difference', conclusion: `no difference shown; ${whatWasMissed(held)}` };
  }
  if (more > 0) return { pValue, relation: 'regresses', conclusion: `${subject} regresses` };
  return kernel.failures === 0
    ? { pValue, relation: 'fixes', conclusion: `${subject} fixes` }
    : { pValue, relation: 'improves', conclusion: `${subject} improves, but still fails` };
}

function whatWasMissed({ baseline, kernel, factor }: Held): string {
  const n = Math.min(baseline.judged, kernel.judged);
  if (baseline.failures === 0 && kernel.failures === 0) {
    return missedWithoutFailures(n);
  }
  const shows = (failures: number) =>
    factor * fisherExact(baseline, { failures, judged: kernel.judged }) <= SIGNIFICANCE;
  const expected = (baseline.failures * kernel.judged) / baseline.judged;
  const counts = Array.from({ length: kernel.judged + 1 }, (_, failures) => failures);
  const fewest = counts.findLast((failures) => failures < expected && shows(failures));
  const most = counts.find((failures) => failures > expected && shows(failures));
  const parts = [
    ...(fewest === undefined ? [] : [`${fewest} or fewer`]),
    ...(most === undefined ? [] : [`${most} or more`]),
  ];
  return parts.length === 0
    ? `with n=${n} no result of these trials could have shown one`
    : `with n=${n} it would have taken ${parts.join(', or ')} failures of ${kernel.judged}`;
}

/**
 * The rate that n trials without a failure cannot exclude ({@link boundOfNone}). It holds for hangs as for any failure.
 */
export function missedWithoutFailures(n: number): string {
  return `with n=${n} a hang rate below ${percent(boundOfNone(n))} would be missed`;
}

/** A rate as `14 %`; below 10 % with two significant digits, so that a small bound does not become 0. */
export function percent(rate: number): string {
  const value = 100 * rate;
  return `${value === 0 || value >= 9.95 ? value.toFixed(0) : Number(value.toPrecision(2))} %`;
}
