import { z } from 'zod';

/** Bits of a number of 64 bits at most. */
export const HEXADECIMAL = /^0x[0-9a-f]{1,16}$/i;

/**
 * A number, negative ones in two's complement, or its bits as hexadecimal text, for values beyond the whole numbers that
 * YAML's readers keep exactly.
 */
export const integer = z.union([
  z.number().int('must be a whole number; one of 2^53 or more needs quotes, as in "0x4000000000000000"'),
  z.string().regex(HEXADECIMAL, 'must be an integer or hexadecimal text such as "0xffffffff81000000"'),
]);
