import { z } from 'zod';
import { ArgumentSchema, ExpectationSchema } from './expectation.js';

/** A void that is expected: why, and which void is meant. */
export const VoidOkSchema = z.strictObject({
  reason: ArgumentSchema,
  /** Only under this accelerator; absent: under both. */
  under: z.enum(['kvm', 'tcg']).optional(),
  /** Only a void with this detail, e.g. `state-not-proved`; absent: any void. */
  detail: z.string().min(1).max(64).optional(),
});

/**
 * A run's cell in the table of its campaign file, and the expectation that the cell gives. It is part of the plan, so
 * that a stored run is judged again by the same expectation.
 */
export const CellSchema = z.object({
  /** Name of the kernel in the campaign file: the column. */
  kernel: z.string(),
  /** Name of the machine in the campaign file; absent when its row names none. */
  machine: z.string().optional(),
  /** What the row is about, one line. */
  why: z.string().optional(),
  expect: ExpectationSchema,
  voidOk: VoidOkSchema.optional(),
});

export type VoidOk = z.infer<typeof VoidOkSchema>;
export type Cell = z.infer<typeof CellSchema>;

/** The reason why a void with this detail is expected; undefined when it is not. */
export function explainVoid(
  voidOk: VoidOk | undefined,
  { accel, detail }: { accel: 'kvm' | 'tcg'; detail: string },
): string | undefined {
  if (voidOk === undefined) return undefined;
  const meant = (voidOk.under ?? accel) === accel && (voidOk.detail ?? detail) === detail;
  return meant ? voidOk.reason : undefined;
}
