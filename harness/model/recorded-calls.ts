import { z } from 'zod';

/**
 * Stops of one vCPU at one place that are alike: same place, argument, caller and interrupt flag. Addresses are linear,
 * hexadecimal.
 */
export const RecordedCallSchema = z.object({
  /** The place, as the step names it. */
  at: z.string().max(300),
  /** At a function's first instruction its first argument (RDI), else the address of the operand in memory. */
  argument: z.string().regex(/^0x[0-9a-f]{1,16}$/),
  /** What the argument points to, where a symbol covers it; with `cpu`, that CPU's copy of a per-CPU variable. */
  data: z
    .object({
      symbol: z.string().max(256),
      offset: z.number().int().min(0),
      cpu: z.number().int().optional(),
    })
    .optional(),
  /** The return address as `FUNCTION+OFFSET/SIZE`; at an instruction inside a function, the instruction's own. */
  from: z.string().max(300),
  /** Callers at the first of the stops, innermost first, the place's own function left out. */
  stack: z.array(z.string().max(300)).max(64),
  /** RFLAGS.IF. */
  interrupts: z.boolean(),
  /** Position of the first of them among all stops of the step, from 1. */
  first: z.number().int(),
  count: z.number().int(),
});
export type RecordedCall = z.infer<typeof RecordedCallSchema>;
export type DataPlace = NonNullable<RecordedCall['data']>;

/** `ioapic_lock`, `runqueues+0x8 of cpu1`. */
export function dataPlaceText({ symbol, offset, cpu }: DataPlace): string {
  const place = offset === 0 ? symbol : `${symbol}+0x${offset.toString(16)}`;
  return cpu === undefined ? place : `${place} of cpu${cpu}`;
}

/** What a `record` step saw. `reached`: whether it came to its end; otherwise what follows the last stop is unknown. */
export const RecordedFactSchema = z.object({
  fact: z.literal('recorded'),
  places: z.array(z.string().max(300)),
  /** What the kernel does not have of the places: `find the function _raw_read_lock`. */
  missing: z.array(z.string().max(700)),
  to: z.string().max(300),
  reached: z.boolean(),
  stops: z.number().int(),
  calls: z.array(RecordedCallSchema),
});
export type RecordedFact = z.infer<typeof RecordedFactSchema>;
