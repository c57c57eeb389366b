import type { LockedFact } from '../../model/locked-instructions.js';
import type { RecordedCall, RecordedWord } from '../../model/recorded-calls.js';
import { OF_LOCKS, roundsOf } from './lock-functions.js';

/** A place with a locked instruction. */
export interface AtomicPlace {
  readonly in: string;
  readonly offset: number;
  readonly instruction: string;
  readonly text: string;
  /** False: nothing reads what the instruction leaves. */
  readonly used: boolean;
}

/** All places, in groups, one for each run that records. */
export function atomicRounds(fact: LockedFact): AtomicPlace[][] {
  const places = fact.functions.flatMap(({ function: inside, instructions }) =>
    (OF_LOCKS.has(inside) ? [] : instructions).map(
      (instruction): AtomicPlace => ({ in: inside, ...instruction }),
    ),
  );
  return roundsOf(places);
}

/** A place as a recording names it. */
export function placeName({ in: inside, offset }: Pick<AtomicPlace, 'in' | 'offset'>): string {
  return `${inside}+0x${offset.toString(16)}`;
}

/**
 * What a locked instruction is, seen from its word. `take`: it makes its CPU the owner of a flag word. `counter` and
 * `bits` change a word whatever it has. `release`: it writes what a free word has. `unused`: nothing reads what it
 * found. `varies`: it is about other values each time, or about an address, so that no other run can leave them there.
 * `allocated`: the word has no symbol. `busy`: the word was not free.
 */
export type AtomicUse = 'take' | 'counter' | 'bits' | 'release' | 'unused' | 'varies' | 'allocated' | 'busy';

const BITS: ReadonlySet<string> = new Set(['or', 'and', 'xor', 'btr', 'btc', 'not']);
const TAKES: ReadonlySet<string> = new Set(['cmpxchg', 'bts', 'xchg']);

/** What a stop is judged by, beside itself. */
export interface Beside {
  /** Whether anything reads what the instruction leaves. */
  readonly used: boolean;
  /** The stops at the same place, also those at other words: a printk record's state gets another value each time. */
  readonly here: readonly RecordedCall[];
  /** Every stop of the recordings. */
  readonly all: readonly RecordedCall[];
}

/** Judges a stop at a locked instruction. */
export function useOf(call: RecordedCall, { used, here, all }: Beside): AtomicUse | undefined {
  const { word, data } = call;
  if (word === undefined) return undefined;
  if (BITS.has(word.instruction)) return 'bits';
  if (!TAKES.has(word.instruction)) return 'counter';
  if (!used) return 'unused';
  if (data === undefined) return 'allocated';
  const written = new Set(here.map((other) => other.word?.bit ?? other.word?.writes));
  if (written.size > 1 || word.varies === true || word.writes === undefined || isAddress(word))
    return 'varies';
  if (word.bit !== undefined) return word.was === word.writes ? 'busy' : 'take';
  if (word.expects !== undefined && word.expects !== word.was) return 'busy';
  if (!isFree(word.was, word.bytes)) return isFree(word.writes, word.bytes) ? 'release' : 'busy';
  if (word.writes === word.was) return 'release';
  return isUndoing(call, all) ? 'release' : 'take';
}

/** A free flag has 0, or -1 where its owner writes a CPU's number. */
function isFree(value: string, bytes: number): boolean {
  return BigInt(value) === 0n || BigInt.asIntN(8 * bytes, BigInt(value)) === -1n;
}

/** An address of the kernel, such as that of a task: another one in every boot. */
function isAddress({ writes, bytes }: RecordedWord): boolean {
  const value = BigInt.asIntN(64, BigInt(writes ?? '0x0'));
  return bytes === 8 && value < -1n;
}

/** CPU 0 gives a word back with 0 -> -1, which it took with -1 -> 0. */
function isUndoing({ word, data }: RecordedCall, all: readonly RecordedCall[]): boolean {
  if (word === undefined || BigInt(word.was) !== 0n) return false;
  return all.some(
    (other) =>
      other.data?.symbol === data?.symbol &&
      other.data?.offset === data?.offset &&
      other.word?.was === word.writes &&
      other.word?.writes === word.was,
  );
}
