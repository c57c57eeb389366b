import { z } from 'zod';

/** A vCPU's IDT: linear base, limit in bytes, and the handler of its gate for the NMI (vector 2). */
export const IdtSchema = z.object({
  base: z.string(),
  limit: z.string(),
  /** `absent`: beyond the limit, or not present; `unreadable`: the vCPU's page tables do not map the table. */
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
  /** Time to step over it, milliseconds of the host's clock. */
  tookMs: z.number().optional(),
  /**
   * The return of the call was detected by a watchpoint on its stack slot, because a breakpoint behind the call was too
   * slow.
   */
  noticed: z.literal('watch').optional(),
  /** The vCPU's IDT before the instruction; absent: unchanged since the previous instruction. */
  idt: IdtSchema.optional(),
  /** For a repeated `movs`: source (RSI) and destination (RDI) before it. */
  copies: z.object({ from: z.string(), to: z.string() }).optional(),
  /** CR3 before the instruction; absent: unchanged since the previous instruction. */
  cr3: z.string().optional(),
});
export type TracedInstruction = z.infer<typeof TracedInstructionSchema>;

/** A segment of an instruction trace that a `trace` step recorded; `first` counts its instructions from 0. */
export const TracedFactSchema = z.object({
  fact: z.literal('traced'),
  first: z.number(),
  instructions: z.array(TracedInstructionSchema),
});

/** The form of older recordings: `walked`, with `went` for `executed`. It is read as `traced` and never written. */
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
