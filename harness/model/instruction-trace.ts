import { z } from 'zod';

/** The IDT that a vCPU has: linear base, limit in bytes, and where its gate for the NMI (vector 2) leads. */
export const IdtSchema = z.object({
  base: z.string(),
  limit: z.string(),
  /** `absent`: beyond the limit, or not present; `unreadable`: the table is in no page of the vCPU's. */
  nmiGate: z.string(),
});
export type Idt = z.infer<typeof IdtSchema>;

/** One instruction of an instruction trace, before it was executed. Addresses are linear, hexadecimal. */
export const TracedInstructionSchema = z.object({
  at: z.string(),
  /** `FUNCTION+OFFSET/SIZE`, with ` (copy)` or ` (identity-mapped)` when it runs elsewhere; or the bare address. */
  label: z.string(),
  text: z.string(),
  /** How it was executed: as a single instruction, or stepped over (a call with all of its callee, a repetition). */
  executed: z.enum(['step', 'over']),
  /** How long it took to step over it: milliseconds of the host's clock. */
  tookMs: z.number().optional(),
  /** A call whose return was noticed by its stack slot, because a breakpoint behind the call was too slow. */
  noticed: z.literal('watch').optional(),
  /** The vCPU's IDT before the instruction; absent: as at the one before. */
  idt: IdtSchema.optional(),
  /** For a repeated `movs`: from where (RSI) to where (RDI), before it. */
  copies: z.object({ from: z.string(), to: z.string() }).optional(),
  /** CR3 before the instruction; absent: as at the one before. */
  cr3: z.string().optional(),
});
export type TracedInstruction = z.infer<typeof TracedInstructionSchema>;

/** A segment of an instruction trace that a `trace` step recorded; `first` counts its instructions from 0. */
export const TracedFactSchema = z.object({
  fact: z.literal('traced'),
  first: z.number(),
  instructions: z.array(TracedInstructionSchema),
});

/** The same in older recordings: `walked`, with `went` for `executed`. It is read as `traced`; nothing writes it. */
export const WalkedFactSchema = z
  .object({
    fact: z.literal('walked'),
    first: z.number(),
    instructions: z.array(
      TracedInstructionSchema.omit({ executed: true }).extend({
        went: TracedInstructionSchema.shape.executed,
      }),
    ),
  })
  .transform(
    ({ first, instructions }): z.infer<typeof TracedFactSchema> => ({
      fact: 'traced',
      first,
      instructions: instructions.map(({ went, ...rest }) => ({ ...rest, executed: went })),
    }),
  );
