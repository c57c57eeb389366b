import type { VerdictWord } from '../model/verdict.js';
import { holm, looksFor, overLooks, SIGNIFICANCE } from '../stats/corrections.js';
import { fisherExact, fisherMore, type Seen } from '../stats/fisher.js';
import { seenOf, tallyOf } from '../stats/tally.js';

/**
 * Two stages. **Screening**: every cell runs a few times, and each comparison whose candidate fails more often, or less
 * often, than chance favours is selected. **Confirmation**: fresh trials of both kernels, in turn, of the selected
 * comparisons. Only they decide, so that the selection costs nothing: whatever the screening has selected, its trials
 * are not tested. The data are tested after trials that were fixed in advance ({@link looksFor}); the looks share the
 * 5 % ({@link overLooks}), and all selected comparisons of the night are corrected together ({@link holm}). So at most
 * 5 % of nights name any difference where there is none, however many cells they have and wherever the budget ends.
 */

/** Which side fails more often. */
export type Direction = 'worse' | 'better';

/** A one-sided p value of the screening up to this is suspicious: 1 failure of 5 against none of 5 has 0.5. */
const SUSPICIOUS = 0.5 + 1e-9;

/** From this many trials of each on, a comparison that leans the other way is dropped. */
const FUTILE_FROM = 10;

/** A comparison of two kernels in one scenario on one machine. */
export interface Compared {
  readonly id: string;
  /** Counts of the screening; those of a former night may stand for it. */
  readonly screening: { readonly candidate: Seen; readonly baseline: Seen };
  /** Verdicts of the confirming trials, in the order of their numbers. */
  readonly confirming: {
    readonly candidate: readonly VerdictWord[];
    readonly baseline: readonly VerdictWord[];
  };
  /** Directions that mean something for this baseline. */
  readonly asked: readonly Direction[];
}

/** What is known of a selected comparison. */
export interface Suspicion {
  readonly id: string;
  readonly direction: Direction;
  /** Of the screening, one-sided, not corrected: only an order. */
  readonly screeningP: number;
  /** Over its looks so far, not corrected for other comparisons. */
  readonly p: number;
  /** Trials of each kernel at the looks so far. */
  readonly looked: number;
  /** Trials of each kernel until the next look; undefined when no more are needed. */
  readonly nextLook: number | undefined;
  /** Why no more are needed. */
  readonly ended: 'decided' | 'leans-back' | 'last-look' | undefined;
  /** Judged confirming trials of both at the last look. */
  readonly seen: { readonly candidate: Seen; readonly baseline: Seen };
}

/** The direction in which the screening leans; undefined when it is not suspicious. */
export function selected({ screening, asked }: Compared): { direction: Direction; p: number } | undefined {
  const { candidate, baseline } = screening;
  if (candidate.judged === 0 || baseline.judged === 0) return undefined;
  const leans = lean(candidate, baseline);
  const direction = leans > 0 ? 'worse' : leans < 0 ? 'better' : undefined;
  if (direction === undefined || !asked.includes(direction)) return undefined;
  const p = direction === 'worse' ? fisherMore(candidate, baseline) : fisherMore(baseline, candidate);
  return p <= SUSPICIOUS ? { direction, p } : undefined;
}

/** Positive when the first fails more often. Products instead of quotients: 1/3 and 2/6 are the same rate. */
function lean(one: Seen, other: Seen): number {
  return one.failures * other.judged - other.failures * one.judged;
}

/**
 * The state of all suspicions, the one first whose next trials tell most: the least p value, then the least cost.
 * `most` is the number of trials of the last look. Pure.
 */
export function suspicions(all: readonly Compared[], most: number): Suspicion[] {
  const looks = looksFor(most);
  const chosen = all.flatMap((one) => {
    const selection = selected(one);
    return selection === undefined ? [] : [{ one, ...selection }];
  });
  return chosen
    .map(({ one, direction, p }) => stateOf(one, { direction, screeningP: p, looks, family: chosen.length }))
    .sort(
      (a, b) =>
        Number(b.direction === 'worse') - Number(a.direction === 'worse') ||
        a.p - b.p ||
        a.screeningP - b.screeningP ||
        (a.nextLook ?? 0) - (b.nextLook ?? 0),
    );
}

function stateOf(
  { id, confirming }: Compared,
  {
    direction,
    screeningP,
    looks,
    family,
  }: { direction: Direction; screeningP: number; looks: readonly number[]; family: number },
): Suspicion {
  const trials = Math.min(confirming.candidate.length, confirming.baseline.length);
  const pValues: number[] = [];
  let seen = { candidate: NONE, baseline: NONE };
  let looked = 0;
  for (const look of looks.filter((count) => count <= trials)) {
    looked = look;
    seen = {
      candidate: seenOf(tallyOf(confirming.candidate.slice(0, look))),
      baseline: seenOf(tallyOf(confirming.baseline.slice(0, look))),
    };
    const leans = lean(seen.candidate, seen.baseline) * (direction === 'worse' ? 1 : -1);
    // A difference in the other direction than the selected one is no confirmation of it.
    pValues.push(leans > 0 ? fisherExact(seen.candidate, seen.baseline) : 1);
    const p = overLooks(pValues, looks.length);
    const state = { id, direction, screeningP, p, looked, seen, nextLook: undefined };
    // Bonferroni over all that were selected, which Holm never exceeds: it stays significant whatever the others become.
    if (family * p <= SIGNIFICANCE) return { ...state, ended: 'decided' };
    if (look >= FUTILE_FROM && leans <= 0) return { ...state, ended: 'leans-back' };
  }
  const nextLook = looks.find((count) => count > looked);
  return {
    ...{ id, direction, screeningP, looked, seen, nextLook },
    p: overLooks(pValues, looks.length),
    ended: nextLook === undefined ? 'last-look' : undefined,
  };
}

const NONE: Seen = { failures: 0, judged: 0 };

/** The p values of the suspicions, corrected for all of them, by comparison. Pure. */
export function correctedP(all: readonly Suspicion[]): ReadonlyMap<string, number> {
  const corrected = holm(all.map(({ p }) => p));
  return new Map(all.map(({ id }, index) => [id, corrected[index] ?? 1]));
}
