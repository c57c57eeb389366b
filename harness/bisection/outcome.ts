import type { RunResult } from '../model/result.js';
import { isAboutKernel } from '../model/verdict.js';

/** The outcome of trials that went as their scenario expects. */
export const AS_EXPECTED = 'as expected';

/** What a trial shows about a commit. */
export type Shown =
  /** An outcome that two commits can be told apart by: {@link AS_EXPECTED}, or the verdict. */
  | { readonly kind: 'outcome'; readonly outcome: string }
  /** Nothing: neither good nor bad. */
  | { readonly kind: 'undecided'; readonly why: string }
  | { readonly kind: 'harness-error'; readonly why: string };

/** The fields of a result that count. */
export type Judged = Pick<RunResult, 'verdict' | 'quality' | 'outcome' | 'detail' | 'explanation'>;

/**
 * What a trial shows. A void, a trial that cannot be told and a kernel that does not boot show nothing: another kernel is
 * to be tested instead.
 */
export function shownBy(result: Judged): Shown {
  const { verdict, quality, outcome, detail, explanation } = result;
  if (outcome === 'harness-error') return { kind: outcome, why: `${detail}: ${explanation}` };
  if (outcome === 'expected') return { kind: 'outcome', outcome: AS_EXPECTED };
  if (verdict === 'boot-failed') return { kind: 'undecided', why: 'the kernel does not boot' };
  if (!isAboutKernel(verdict) || outcome === 'inconclusive') {
    return { kind: 'undecided', why: `${verdict}/${detail}` };
  }
  return { kind: 'outcome', outcome: quality === undefined ? verdict : `${verdict} (${quality})` };
}

/** Which outcomes are bad and which are good. */
export interface Signature {
  /** What the bad end shows and the good end does not. */
  readonly bad: readonly string[];
  /** What the good end shows. */
  readonly good: readonly string[];
}

/** The outcomes by which the two ends of a bisection differ. */
export function signatureOf(atGood: readonly Shown[], atBad: readonly Shown[]): Signature {
  const good = outcomesOf(atGood);
  return { good, bad: outcomesOf(atBad).filter((outcome) => !good.includes(outcome)) };
}

/** The outcomes that trials show, each once, in their order. */
export function outcomesOf(shown: readonly Shown[]): string[] {
  return [...new Set(shown.flatMap((one) => (one.kind === 'outcome' ? [one.outcome] : [])))];
}

/** The trials of one commit, counted. */
export interface Counts {
  readonly bad: number;
  readonly good: number;
  /** Neither good nor bad, with an outcome that neither end shows included. */
  readonly undecided: number;
  readonly harnessErrors: number;
  /** Why trials are undecided, each reason once. */
  readonly why: readonly string[];
}

/** Counts what the trials of a commit show. */
export function countsOf(shown: readonly Shown[], { bad, good }: Signature): Counts {
  const counts = { bad: 0, good: 0, undecided: 0, harnessErrors: 0 };
  const why = new Set<string>();
  for (const one of shown) {
    if (one.kind === 'harness-error') counts.harnessErrors += 1;
    else if (one.kind === 'outcome' && bad.includes(one.outcome)) counts.bad += 1;
    else if (one.kind === 'outcome' && good.includes(one.outcome)) counts.good += 1;
    else {
      counts.undecided += 1;
      why.add(one.kind === 'undecided' ? one.why : `another outcome: ${one.outcome}`);
    }
  }
  return { ...counts, why: [...why] };
}
