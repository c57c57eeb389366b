import { z } from 'zod';

const count = z.number().int().nonnegative();
const rate = z.number().min(0).max(1);

/** How often something failed, as it is stored and printed. */
export const TALLY_SHAPE = {
  /** All that ended: the sum of the five that follow. */
  trials: count,
  captured: count,
  hung: count,
  other: count,
  void: count,
  harnessErrors: count,
  /** (hung + other) / (captured + hung + other); null when no trial was judged. */
  rate: rate.nullable(),
  /** Two-sided 95 % Clopper-Pearson interval of the rate; null as the rate is. */
  interval: z.tuple([rate, rate]).nullable(),
} as const;
