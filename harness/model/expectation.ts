import { z } from 'zod';
import { OPEN_CONDITIONS, type Outcome, VERDICT_WORDS, VERDICTS, type Verdict } from './verdict.js';

/** Longest line of an argument that a table prints, characters. */
const ARGUMENT_CHARACTERS = 400;

/** One sentence for people: why something is expected, or why a void is. */
export const ArgumentSchema = z
  .string()
  .min(1)
  .max(ARGUMENT_CHARACTERS)
  .regex(/^[^\p{Cc}]*$/u, 'must be one line');

/** What is expected of one verdict. */
const alternative = {
  verdict: z.enum(VERDICT_WORDS),
  /** For `captured` only: `clean` refuses a degraded capture; absent accepts both. */
  quality: z.enum(['clean', 'degraded']).optional(),
  /** For `captured` only: each of these must be among the reasons; so the capture must be degraded. */
  degradedBy: z.array(z.string().min(1).max(64)).min(1).max(16).optional(),
  /** The verdict's one machine-friendly reason, e.g. `spin`. */
  detail: z.string().min(1).max(64).optional(),
  why: ArgumentSchema.optional(),
} as const;

export const AlternativeSchema = z.strictObject(alternative);

/** Several verdicts, when a kernel truly varies; each says why. */
export const AnyOfSchema = z.strictObject({
  anyOf: z
    .array(z.strictObject({ ...alternative, why: ArgumentSchema }))
    .min(2)
    .max(8),
});

/** One verdict, or any of several. */
export const ExpectationSchema = z.union([AlternativeSchema, AnyOfSchema]);

export type Alternative = z.infer<typeof AlternativeSchema>;
export type Expectation = z.infer<typeof ExpectationSchema>;

/** The verdicts that an expectation accepts, in its order. */
export function alternativesOf(expected: Expectation): readonly Alternative[] {
  return 'anyOf' in expected ? expected.anyOf : [expected];
}

/** Input of {@link matches}: the common part of a result and a verdict. */
export interface Happened {
  readonly verdict: (typeof VERDICT_WORDS)[number];
  readonly quality?: 'clean' | 'degraded' | undefined;
  readonly degradedBy: readonly string[];
  readonly detail: string;
}

/** Whether what happened is this accepted verdict. */
export function matches(happened: Happened, { verdict, quality, degradedBy, detail }: Alternative): boolean {
  return (
    happened.verdict === verdict &&
    (quality === undefined || happened.quality === quality) &&
    (degradedBy ?? []).every((reason) => happened.degradedBy.includes(reason)) &&
    (detail === undefined || happened.detail === detail)
  );
}

/**
 * Compares what happened with what was expected. A harness error stays one whatever was expected; a void that was not
 * expected says nothing about the kernel, nor does a capture whose undecided aspects are those that were expected to
 * degrade it.
 */
export function judge(verdict: Verdict, expected: Expectation): Outcome {
  const { otherwise } = VERDICTS[verdict.word];
  if (otherwise === 'harness-error') return otherwise;
  const happened = {
    verdict: verdict.word,
    detail: verdict.detail,
    ...(verdict.word === 'captured'
      ? { quality: verdict.quality, degradedBy: verdict.degradedBy }
      : { degradedBy: [] }),
  };
  const accepted = alternativesOf(expected);
  if (accepted.some((one) => matches(happened, one))) return 'expected';
  const open: readonly string[] = OPEN_CONDITIONS;
  const notJudged =
    verdict.word === 'captured' ? verdict.undecided.filter((aspect) => !open.includes(aspect)) : [];
  if (notJudged.length > 0) {
    const degradedBy = [...happened.degradedBy, ...notJudged];
    const otherwiseHappened = { ...happened, quality: 'degraded', degradedBy } as const;
    if (accepted.some((one) => matches(otherwiseHappened, one))) return 'inconclusive';
  }
  return otherwise;
}

/** An expectation in words: `captured (degraded by screaming-vector) or crash-path-hang/spin`. */
export function expectationText(expected: Expectation): string {
  return alternativesOf(expected).map(alternativeText).join(' or ');
}

function alternativeText({ verdict, quality, degradedBy, detail }: Alternative): string {
  const word = detail === undefined ? verdict : `${verdict}/${detail}`;
  const how = degradedBy === undefined ? quality : `degraded by ${degradedBy.join(', ')}`;
  return how === undefined ? word : `${word} (${how})`;
}
