import { controlsDone, type Measured } from '../stats/bisection.js';
import {
  AS_EXPECTED,
  type Counts,
  countsOf,
  outcomesOf,
  type Shown,
  type Signature,
  signatureOf,
} from './outcome.js';

/** So many undecided trials and no other: the commit is skipped. */
const UNDECIDED_ALONE = 3;

/** What the trials of a commit say so far. */
export type StepDecision =
  | { readonly verdict: 'good' | 'bad' }
  | { readonly verdict: 'skip'; readonly why: string }
  /** At most so many further trials decide it, unless some of them are undecided. */
  | { readonly verdict: 'more'; readonly trials: number };

/**
 * Decides about a commit: one bad trial makes it bad, `goods` good ones without a bad one make it good. Undecided trials
 * are repeated, `goods` of them (at least 3), or 3 when there is no other.
 */
export function decideStep(counts: Counts, goods: number): StepDecision {
  const { bad, good, undecided, why } = counts;
  if (bad > 0) return { verdict: 'bad' };
  if (good >= goods) return { verdict: 'good' };
  if (isUndecidable(counts, goods)) {
    return {
      verdict: 'skip',
      why: `${undecided} of ${good + undecided} trials undecided: ${why.join('; ')}`,
    };
  }
  return { verdict: 'more', trials: goods - good };
}

/** What the controls say so far; `trials`: how many to run at which end. */
export type ControlDecision =
  | { readonly kind: 'more'; readonly end: 'good' | 'bad'; readonly trials: number }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'done'; readonly signature: Signature; readonly measured: Measured };

/**
 * Decides about the controls: as many judged trials at both ends, in alternation, until the bad end has shown often
 * enough what the good end does not show. `patience`: trials of each end without any difference.
 */
export function decideControls(
  { good, bad }: { readonly good: readonly Shown[]; readonly bad: readonly Shown[] },
  patience: number,
): ControlDecision {
  const signature = signatureOf(good, bad);
  const atGood = countsOf(good, signature);
  const atBad = countsOf(bad, signature);
  const judged = { good: atGood.good, bad: atBad.good + atBad.bad };
  for (const [end, counts] of [
    ['bad', atBad],
    ['good', atGood],
  ] as const) {
    if (!isUndecidable(counts, patience)) continue;
    const { undecided } = counts;
    const why = `the ${end} end cannot be judged: ${undecided} of ${judged[end] + undecided} trials are undecided: ${counts.why.join('; ')}`;
    return { kind: 'refused', why };
  }
  if (judged.bad < judged.good || judged.bad === 0) return { kind: 'more', end: 'bad', trials: 1 };
  if (judged.good < judged.bad) return { kind: 'more', end: 'good', trials: judged.bad - judged.good };
  const shared = outcomesOf(bad).filter((outcome) => signature.good.includes(outcome));
  if (atBad.bad === 0 && shared.some((outcome) => outcome !== AS_EXPECTED)) {
    return { kind: 'refused', why: `both ends show the same: ${describeEnds(good, bad)}` };
  }
  const measured = { bad: atBad.bad, judged: judged.bad };
  if (!controlsDone(measured, patience)) return { kind: 'more', end: 'bad', trials: 1 };
  if (atBad.bad === 0) return { kind: 'refused', why: `no difference shown: ${describeEnds(good, bad)}` };
  return { kind: 'done', signature, measured };
}

function isUndecidable({ bad, good, undecided }: Counts, goods: number): boolean {
  return undecided >= Math.max(UNDECIDED_ALONE, bad + good === 0 ? 0 : goods);
}

function describeEnds(good: readonly Shown[], bad: readonly Shown[]): string {
  return `the good end ${outcomeText(good)}; the bad end ${outcomeText(bad)}`;
}

/** How often trials show each outcome: `as expected 3, crash-path-hang 2 of 5`. */
export function outcomeText(shown: readonly Shown[]): string {
  const outcomes = shown.flatMap((one) => (one.kind === 'outcome' ? [one.outcome] : []));
  const parts = [...new Set(outcomes)].map(
    (outcome) => `${outcome} ${outcomes.filter((other) => other === outcome).length}`,
  );
  return `${parts.join(', ') || 'nothing'} of ${outcomes.length}`;
}
