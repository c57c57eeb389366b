/** A repeatable source of numbers: the same seed gives the same run of a property test. */
export interface Random {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  bytes(length: number): Buffer;
}

/**
 * Marsaglia's xorshift, 32 bits ("Xorshift RNGs", 2003). Throws a RangeError for the seed 0, at which it would stay.
 */
export function seededRandom(seed: number): Random {
  if (!Number.isInteger(seed) || seed >>> 0 === 0)
    throw new RangeError(`cannot use seed "${seed}": give 1 or more`);
  let state = seed >>> 0;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    below: (below) => next() % below,
    bytes: (length) => Buffer.from(Array.from({ length }, () => next() & 0xff)),
  };
}
