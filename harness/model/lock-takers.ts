import { z } from 'zod';
import { MOST_NAME_CHARACTERS } from './recorded-calls.js';

/** Most takers of one lock that are kept. */
export const MOST_TAKERS = 500;
const name = z.string().max(MOST_NAME_CHARACTERS);
const offset = z.number().int().min(0);

/** A call in the kernel's text that takes a lock. Offsets are from a function's first instruction, bytes. */
export const LockTakerSchema = z.object({
  /** The function that names the lock, and its call or jump with the lock's address as first argument. */
  in: name,
  offset,
  /** What it calls: a function that takes locks, or one that passes its argument on to such. */
  callee: name,
  /** Where the lock has been taken. */
  taken: z.object({ in: name, offset }),
});
export type LockTaker = z.infer<typeof LockTakerSchema>;

/** What a `takers` step found for one lock. */
export const LockTakersFactSchema = z.object({
  fact: z.literal('lock-takers'),
  lock: name,
  offset,
  /** The functions that take a lock of this kind, as the step names them. */
  by: z.array(name),
  /** Bytes of text that were searched. */
  bytes: z.number().int(),
  /** In order of address. */
  takers: z.array(LockTakerSchema).max(MOST_TAKERS),
  /** Takers beyond the limit. */
  more: z.number().int().min(0),
});
export type LockTakersFact = z.infer<typeof LockTakersFactSchema>;
