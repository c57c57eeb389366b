/** What the runs with one size of `crashkernel=` came to. */
export interface SizeRuns {
  readonly mib: number;
  readonly captured: number;
  /** Of each run that did not capture: verdict and detail. */
  readonly failed: readonly string[];
  /** Of each run that shows nothing about the size. */
  readonly undecided: readonly string[];
}

/** What is searched, in MiB: the multiples of `step` from `least` to `most`. */
export interface SizeRange {
  readonly least: number;
  readonly most: number;
  readonly step: number;
  /** Captures of the smallest size, without a failure, that end the search. */
  readonly captures: number;
}

/** What to do next. */
export type SizeDecision =
  | { readonly kind: 'try'; readonly mib: number }
  /** `below`: the largest size that failed; undefined when the smallest one that is searched captures. */
  | { readonly kind: 'found'; readonly mib: number; readonly below: number | undefined }
  /** Not even the largest size captures each time. */
  | { readonly kind: 'none' }
  /** The runs with this size show nothing about it. */
  | { readonly kind: 'undecided'; readonly mib: number };

/** So many runs that show nothing about a size end the search; more for each run that shows something. */
const MOST_UNDECIDED = 3;
/** Runs of the size below the smallest one: a single failure may be a chance one. */
const RUNS_BELOW = 2;
/** What the capture kernel needs varies little, and other drivers or a larger initramfs add to it. */
const MARGIN = 1.25;
/** Sizes are recommended in multiples of this: the kernel aligns a reservation to it (arch/x86/kernel/setup.c, CRASH_ALIGN, v6.1). */
const ALIGN_MIB = 16;

/**
 * The search by bisection: which size to try next. A size works when none of its runs failed; one that fails when it is
 * repeated counts as too small, and the search continues above it.
 */
export function nextSize(tried: readonly SizeRuns[], range: SizeRange): SizeDecision {
  const failing = tried.filter(({ failed }) => failed.length > 0).map(({ mib }) => mib);
  const tooSmall = failing.length === 0 ? undefined : Math.max(...failing);
  const working = tried.filter(
    ({ mib, captured }) => captured > 0 && (tooSmall === undefined || mib > tooSmall),
  );
  const least = roundUp(range.least, range.step);
  const most = largestSize(range);
  if (working.length === 0) return tooSmall === most ? { kind: 'none' } : attempt(most);
  const smallest = Math.min(...working.map(({ mib }) => mib));
  const below = tooSmall ?? least - range.step;
  const between = (smallest - below) / range.step;
  if (between > 1) return attempt(below + Math.floor(between / 2) * range.step);
  if (of(smallest).captured < range.captures) return attempt(smallest);
  if (tooSmall !== undefined && judgedOf(of(tooSmall)) < RUNS_BELOW) return attempt(tooSmall);
  return { kind: 'found', mib: smallest, below: tooSmall };

  function attempt(mib: number): SizeDecision {
    const size = of(mib);
    const isOver = size.undecided.length >= MOST_UNDECIDED * (1 + judgedOf(size));
    return { kind: isOver ? 'undecided' : 'try', mib };
  }

  function of(size: number): SizeRuns {
    return tried.find(({ mib }) => mib === size) ?? { mib: size, captured: 0, failed: [], undecided: [] };
  }
}

/** The most runs that a search takes when no run is undecided and none contradicts another. */
export function mostRuns({ least, most, step, captures }: SizeRange): number {
  const sizes = Math.floor(most / step) - Math.ceil(least / step) + 1;
  return 1 + Math.ceil(Math.log2(sizes)) + (captures - 1) + (RUNS_BELOW - 1);
}

/** The size with a margin, in MiB. The margin is a rule of thumb, and not measured. */
export function recommendedSize(smallest: number): number {
  return roundUp(smallest * MARGIN, ALIGN_MIB);
}

/** The largest size that is tried, in MiB. */
export function largestSize({ most, step }: Pick<SizeRange, 'most' | 'step'>): number {
  return most - (most % step);
}

/** Runs that show whether the size is large enough. */
export function judgedOf({ captured, failed }: SizeRuns): number {
  return captured + failed.length;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
