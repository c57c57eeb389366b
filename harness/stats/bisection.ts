/**
 * How many trials a bisection needs, so that it names a wrong commit with a probability of at most {@link WRONG}. A bad
 * commit shows the bad outcome in some trials only: the bisection goes wrong when a bad commit shows it in none. A good
 * commit is assumed never to show it.
 */

/** The most that the probability of a wrong end may be, over the whole path. */
export const WRONG = 0.05;

/** Bad outcomes that the control at the bad end collects: the more, the better known is the rate. */
export const BADS_WANTED = 5;

/**
 * Whether the controls are done: with enough bad outcomes, with none after `patience` trials of each end, or with too
 * few after four times as many (the trials of the steps then make up for it).
 */
export function controlsDone({ bad, judged }: Measured, patience: number): boolean {
  return bad >= BADS_WANTED || judged >= (bad === 0 ? patience : 4 * patience);
}

/** The share of {@link WRONG} that is kept for steps beyond the expected number. */
const RESERVE = 0.1;

/** Trials of a commit that is known to be bad. */
export interface Measured {
  /** Trials with the bad outcome. */
  readonly bad: number;
  /** Trials that could be judged. */
  readonly judged: number;
}

/**
 * The probability that a bad commit shows `goods` trials without the bad outcome, when the rate is only known from
 * trials of another bad commit. The rate r has the prior density 1/r (the scale-invariant one), so its posterior is
 * Beta(bad, judged - bad + 1), and this is the mean of (1 - r)^goods. With trials that were made until `bad` of them
 * were bad, it is the frequency of misses for every small rate, and more than that for a large one.
 */
export function missAfter(goods: number, { bad, judged }: Measured): number {
  if (bad === 0) return 1;
  const others = judged - bad + 1;
  let miss = 1;
  for (let i = 0; i < bad; i += 1) miss *= (others + i) / (others + goods + i);
  return miss;
}

/**
 * The number of trials without a bad outcome after which a commit counts as good, for this share of the error. Throws a
 * RangeError when no bad outcome was measured.
 */
export function goodsFor(measured: Measured, share: number): number {
  if (measured.bad < 1) throw new RangeError('no number of trials suffices: no bad outcome was measured');
  let [low, high] = [0, 1];
  while (missAfter(high, measured) > share) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (missAfter(middle, measured) > share) low = middle;
    else high = middle;
  }
  return high;
}

/** As {@link goodsFor}, for a rate that is known, above 0 and at most 1. */
export function goodsForRate(rate: number, share: number): number {
  return rate >= 1 ? 1 : Math.max(1, Math.ceil(Math.log(share) / Math.log1p(-rate)));
}

/** The number of steps in which `commits` are halved down to one. */
export function stepsFor(commits: number): number {
  return commits <= 1 ? 0 : Math.ceil(Math.log2(commits));
}

/**
 * The probability of a miss that a step may have; steps count from 1. The shares of all steps add up to {@link WRONG} at
 * most, whichever of them test a bad commit (Bonferroni). Merges and skipped commits can make more steps than `planned`:
 * each of those has half of what is left of a reserve.
 */
export function shareOfStep(step: number, planned: number): number {
  if (step <= planned) return (WRONG * (1 - RESERVE)) / planned;
  return WRONG * RESERVE * 2 ** (planned - step);
}

/** What a bisection is expected to take. */
export interface Expected {
  readonly steps: number;
  /** Trials without a bad outcome after which a commit counts as good. */
  readonly goods: number;
  /** Trials of all steps together, when half of the commits are good. */
  readonly trials: number;
}

/** What a bisection of so many commits is expected to take, with a bad rate that was measured or is given. */
export function expectedFor(commits: number, rate: Measured | number): Expected {
  const steps = stepsFor(commits);
  if (steps === 0) return { steps, goods: 0, trials: 0 };
  const share = shareOfStep(1, steps);
  const goods = typeof rate === 'number' ? goodsForRate(rate, share) : goodsFor(rate, share);
  const about = typeof rate === 'number' ? rate : rate.bad / rate.judged;
  // A bad commit takes trials until the first bad outcome, or all of them.
  const untilBad = (1 - (1 - about) ** goods) / about;
  return { steps, goods, trials: Math.ceil((steps / 2) * (goods + untilBad)) };
}
