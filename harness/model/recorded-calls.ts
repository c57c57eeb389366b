import { z } from 'zod';

/** Longest name in a recording; symbols have up to 512 characters (KSYM_NAME_LEN, v6.1). */
export const MOST_NAME_CHARACTERS = 600;

/** A name as a record keeps it: readable again, whatever the guest's names are. */
export function boundedName(name: string): string {
  return name.slice(0, MOST_NAME_CHARACTERS);
}

/** Most calls of a recording that differ. */
export const MOST_CALLS = 1000;
/** Most callers of a recorded stack. */
export const MOST_CALLERS = 64;
const name = z.string().max(MOST_NAME_CHARACTERS);
/** Hexadecimal, 64 bits at most. */
export const hexadecimal = z.string().regex(/^0x[0-9a-f]{1,16}$/);

/** What a locked instruction is about to do to its operand in memory, unsigned values of its width. */
export const RecordedWordSchema = z.object({
  /** Lower case: `cmpxchg`, `bts`, `xchg`. */
  instruction: z.string().max(16),
  bytes: z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)]),
  /** In memory, before. */
  was: hexadecimal,
  /** Of `cmpxchg`: what it compares with (RAX). */
  expects: hexadecimal.optional(),
  /** Of `cmpxchg`, where it finds that, of `xchg`, and of `bts`, which sets `bit`. */
  writes: hexadecimal.optional(),
  bit: z.number().int().min(0).max(63).optional(),
  /** Another of the stops that are alike had other values; these are the first one's. */
  varies: z.literal(true).optional(),
});
export type RecordedWord = z.infer<typeof RecordedWordSchema>;

/**
 * Stops of one vCPU at one place that are alike: same place, argument, caller and interrupt flag. Addresses are linear,
 * hexadecimal.
 */
export const RecordedCallSchema = z.object({
  /** The place, as the step names it. */
  at: name,
  /** At a function's first instruction its first argument (RDI), else the address of the operand in memory. */
  argument: hexadecimal,
  /** What the argument points to, where a symbol covers it; with `cpu`, that CPU's copy of a per-CPU variable. */
  data: z
    .object({
      symbol: name,
      offset: z.number().int().min(0),
      cpu: z.number().int().optional(),
    })
    .optional(),
  /** At a locked instruction. */
  word: RecordedWordSchema.optional(),
  /** The return address as `FUNCTION+OFFSET/SIZE`; at an instruction inside a function, the instruction's own. */
  from: name,
  /** Callers at the first of the stops, innermost first, the place's own function left out. */
  stack: z.array(name).max(MOST_CALLERS),
  /** RFLAGS.IF. */
  interrupts: z.boolean(),
  /** Position of the first of them among all stops of the step, from 1. */
  first: z.number().int(),
  count: z.number().int(),
});
export type RecordedCall = z.infer<typeof RecordedCallSchema>;
export type DataPlace = NonNullable<RecordedCall['data']>;

/** `ioapic_lock`, `runqueues+0x8`. */
export function dataPlaceText({ symbol, offset }: Pick<DataPlace, 'symbol' | 'offset'>): string {
  return offset === 0 ? symbol : `${symbol}+0x${offset.toString(16)}`;
}

/** What a `record` step saw. `reached`: whether it came to its end; otherwise what follows the last stop is unknown. */
export const RecordedFactSchema = z.object({
  fact: z.literal('recorded'),
  places: z.array(name),
  /** What the kernel does not have of the places: `find the function _raw_read_lock`. */
  missing: z.array(name),
  to: name,
  reached: z.boolean(),
  stops: z.number().int(),
  calls: z.array(RecordedCallSchema).max(MOST_CALLS),
});
export type RecordedFact = z.infer<typeof RecordedFactSchema>;
