import { z } from 'zod';
import { TALLY_SHAPE } from '../model/tally-shape.js';
import { rateInterval } from './binomial.js';
import type { Contrast } from './conclusion.js';
import { type Comparison, type KernelTally, kernelTotals, type ScenarioComparison } from './comparison.js';
import { seenOf } from './tally.js';

const rate = z.number().min(0).max(1);

const KernelSchema = z.strictObject({
  /** The kernel as the command line named it. */
  id: z.string(),
  ...TALLY_SHAPE,
  /** Only for the kernels after baseline and candidate (`--also`): compared with the baseline. */
  pValue: rate.nullable().optional(),
  conclusion: z.string().optional(),
});

const ONE = {
  /** Baseline, candidate, others. */
  kernels: z.array(KernelSchema).min(2),
  /** Fisher's exact test, two-sided, corrected; null when nothing was judged. */
  pValue: rate.nullable(),
  conclusion: z.string(),
};

/**
 * What `crashpath compare --json` prints and `compare.json` holds. With several scenarios each has its own object in
 * `scenarios`; then `kernels` adds their counts up, and `conclusion` is that of the worst.
 */
export const ComparisonSchema = z.strictObject({
  ...ONE,
  scenarios: z
    .array(z.strictObject({ scenario: z.string(), ...ONE }))
    .min(2)
    .optional(),
});

export type ComparisonObject = z.infer<typeof ComparisonSchema>;

/** Lays a comparison out as the stored and printed object. */
export function comparisonObject(comparison: Comparison): ComparisonObject {
  const [only] = comparison.scenarios;
  if (only !== undefined && comparison.scenarios.length === 1) return scenarioObject(only);
  const { pValue, conclusion } = comparison.overall;
  return {
    kernels: kernelTotals(comparison).map((tally) => kernelObject(tally)),
    pValue,
    conclusion,
    scenarios: comparison.scenarios.map((one) => ({ scenario: one.scenario, ...scenarioObject(one) })),
  };
}

function scenarioObject({ kernels, contrasts }: ScenarioComparison): ComparisonObject {
  const [{ pValue, conclusion }] = contrasts;
  return {
    kernels: kernels.map((tally, index) => kernelObject(tally, index < 2 ? undefined : contrasts[index - 1])),
    pValue,
    conclusion,
  };
}

function kernelObject(tally: KernelTally, contrast?: Contrast): ComparisonObject['kernels'][number] {
  const { failures, judged } = seenOf(tally);
  return {
    id: tally.id,
    trials: tally.trials,
    captured: tally.captured,
    hung: tally.hung,
    other: tally.other,
    void: tally.void,
    harnessErrors: tally.harnessErrors,
    rate: judged === 0 ? null : failures / judged,
    interval: rateInterval(failures, judged) ?? null,
    ...(contrast === undefined ? {} : { pValue: contrast.pValue, conclusion: contrast.conclusion }),
  };
}
