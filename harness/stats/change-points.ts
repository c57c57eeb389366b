import { overLooks, SIGNIFICANCE } from './corrections.js';
import { fisherExact, type Seen } from './fisher.js';

/** A place in a series of counts where the failure rate changed. */
export interface ChangePoint {
  /** Index of the first count after the change: the estimate. */
  readonly at: number;
  /**
   * The change may also have come before any count from `earliest` on, or as late as before `latest`: the counts between
   * are too few to exclude it.
   */
  readonly earliest: number;
  readonly latest: number;
  /** The counts of the stretch before, and of the stretch after, each up to the next change. */
  readonly before: Seen;
  readonly after: Seen;
  /** Fisher's exact test, two-sided, of the stretch that was split here; corrected. */
  readonly pValue: number;
}

/** Options of {@link changePoints}. */
export interface ChangePointOptions {
  /** How many series are evaluated together; each of their p values is multiplied by it. */
  readonly series: number;
}

/**
 * Finds the changes of a rate by binary segmentation: the series is split at the boundary of the greatest likelihood
 * (Hinkley, Biometrika 57, 1970) if Fisher's exact test of that split is significant, then both parts are split the same
 * way. Each p value is corrected for all boundaries of the whole series, because the boundary was chosen by the data,
 * and for the number of series (Bonferroni's inequality): the probability that any of the series is said to change
 * although none does is at most {@link SIGNIFICANCE}. The place of a change is an estimate; see
 * {@link ChangePoint.earliest}. In order; counts without a judged trial never begin a change. Pure.
 */
export function changePoints(counts: readonly Seen[], { series }: ChangePointOptions): ChangePoint[] {
  // A boundary beside a count without trials would be the same test again.
  const judged = counts.flatMap(({ judged: trials }, index) => (trials > 0 ? [index] : []));
  const own = judged.map((index) => counts[index] ?? NONE);
  const factor = series * Math.max(1, own.length - 1);
  const sums = sumsOf(own);
  const splits = splitsOf(sums, { from: 0, to: own.length, factor });
  return splits.map(({ at, pValue }, index) => {
    const from = splits[index - 1]?.at ?? 0;
    const to = splits[index + 1]?.at ?? own.length;
    const range = rangeOf(sums, { from, at, to });
    const place = (ownIndex: number) => judged[ownIndex] ?? 0;
    return {
      at: place(at),
      earliest: place(range.earliest),
      latest: place(range.latest),
      before: between(sums, from, at),
      after: between(sums, at, to),
      pValue,
    };
  });
}

const NONE: Seen = { failures: 0, judged: 0 };

/** `sums[i]` adds up the first i counts. */
function sumsOf(counts: readonly Seen[]): readonly Seen[] {
  const sums = [NONE];
  for (const { failures, judged } of counts) {
    const last = sums.at(-1) ?? NONE;
    sums.push({ failures: last.failures + failures, judged: last.judged + judged });
  }
  return sums;
}

function between(sums: readonly Seen[], from: number, to: number): Seen {
  const [start, end] = [sums[from] ?? NONE, sums[to] ?? NONE];
  return { failures: end.failures - start.failures, judged: end.judged - start.judged };
}

interface Split {
  readonly at: number;
  readonly pValue: number;
}

function splitsOf(
  sums: readonly Seen[],
  { from, to, factor }: { readonly from: number; readonly to: number; readonly factor: number },
): Split[] {
  let at = 0;
  let greatest = Number.NEGATIVE_INFINITY;
  for (let boundary = from + 1; boundary < to; boundary += 1) {
    const likelihood =
      logLikelihood(between(sums, from, boundary)) + logLikelihood(between(sums, boundary, to));
    if (likelihood > greatest) [at, greatest] = [boundary, likelihood];
  }
  if (at === 0) return [];
  const pValue = overLooks([fisherExact(between(sums, from, at), between(sums, at, to))], factor);
  if (pValue > SIGNIFICANCE) return [];
  return [
    ...splitsOf(sums, { from, to: at, factor }),
    { at, pValue },
    ...splitsOf(sums, { from: at, to, factor }),
  ];
}

/** Of these counts under their own rate, without the term that no split changes. */
function logLikelihood({ failures, judged }: Seen): number {
  const part = (count: number) => (count === 0 ? 0 : count * Math.log(count / judged));
  return part(failures) + part(judged - failures);
}

/**
 * How far the boundary can move while the counts that it passes do not differ from the stretch that they would join:
 * a test at 5 % of each, inverted to a range.
 */
function rangeOf(
  sums: readonly Seen[],
  { from, at, to }: { readonly from: number; readonly at: number; readonly to: number },
): { earliest: number; latest: number } {
  let earliest = at;
  while (
    earliest - 1 > from &&
    fisherExact(between(sums, earliest - 1, at), between(sums, at, to)) > SIGNIFICANCE
  )
    earliest -= 1;
  let latest = at;
  while (
    latest + 1 < to &&
    fisherExact(between(sums, at, latest + 1), between(sums, from, at)) > SIGNIFICANCE
  )
    latest += 1;
  return { earliest, latest };
}
