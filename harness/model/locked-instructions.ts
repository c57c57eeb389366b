import { z } from 'zod';
import { MOST_NAME_CHARACTERS } from './recorded-calls.js';

/** Most functions that one step looks into. */
export const MOST_FUNCTIONS = 1024;
/** Most locked instructions that are kept of a function. */
export const MOST_OF_A_FUNCTION = 256;
const name = z.string().max(MOST_NAME_CHARACTERS);
const offset = z.number().int().min(0);

/** The locked instructions of functions, as they are in the running kernel's memory. */
export const LockedFactSchema = z.object({
  fact: z.literal('locked'),
  functions: z
    .array(
      z.object({
        function: name,
        instructions: z
          .array(
            z.object({
              /** From the function's first byte. */
              offset,
              /** Lower case: `cmpxchg`. */
              instruction: z.string().max(16),
              /** AT&T syntax. */
              text: z.string().max(200),
              /** False: nothing reads the old value or the flags that it leaves. */
              used: z.boolean(),
            }),
          )
          .max(MOST_OF_A_FUNCTION),
        /** Bytes that decode to no instruction. */
        undecodable: offset,
      }),
    )
    .max(MOST_FUNCTIONS),
  /** Functions that could not be read, with the reason. */
  missing: z.array(z.object({ function: name, why: z.string().max(1000) })).max(MOST_FUNCTIONS),
});
export type LockedFact = z.infer<typeof LockedFactSchema>;
