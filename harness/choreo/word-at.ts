import { readKernelMemory } from '../autopsy/kernel-memory.js';
import type { Registers } from '../machine/debugger.js';
import type { RecordedWord } from '../model/recorded-calls.js';
import { type LockedOperation, lockedOperation, unsignedOf } from '../symbols/index.js';
import type { ChoreographyContext } from './context.js';

/** A locked instruction's word: where it is, and what is about to happen to it. */
export interface WordAt {
  readonly address: bigint;
  readonly word: RecordedWord;
}

/**
 * What the instruction with these bytes is about to do to its operand at an address; undefined for one that is not
 * locked, and where the operand cannot be read.
 */
export async function wordAt(
  code: Uint8Array,
  { address, registers }: { readonly address: bigint; readonly registers: Registers },
  { gdb }: Pick<ChoreographyContext, 'gdb'>,
): Promise<WordAt | undefined> {
  const operation = lockedOperation(code);
  if (operation === undefined) return undefined;
  const { bytes } = operation;
  const source = sourceOf(operation, registers);
  const bit = operation.mnemonic === 'bts' && source !== undefined ? bitOf(source, bytes) : undefined;
  const place = BigInt.asUintN(64, address + (bit?.words ?? 0n) * BigInt(bytes));
  const read = await readKernelMemory(gdb, place, bytes);
  if (read === undefined) return undefined;
  const was = unsignedOf(read);
  const word = effectOf(operation, { was, source, bit: bit?.bit, registers });
  return { address: place, word: { instruction: operation.mnemonic, bytes, ...word } };
}

interface Before {
  readonly was: bigint;
  readonly source: bigint | undefined;
  readonly bit: number | undefined;
  readonly registers: Registers;
}

function effectOf(
  { mnemonic, bytes }: LockedOperation,
  { was, source, bit, registers }: Before,
): Pick<RecordedWord, 'was' | 'expects' | 'writes' | 'bit'> {
  const hex = (value: bigint) => `0x${BigInt.asUintN(8 * bytes, value).toString(16)}`;
  if (bit !== undefined) return { was: hex(was), bit, writes: hex(was | (1n << BigInt(bit))) };
  if (source === undefined) return { was: hex(was) };
  if (mnemonic === 'cmpxchg') return { was: hex(was), expects: hex(registers.rax), writes: hex(source) };
  return mnemonic === 'xchg' ? { was: hex(was), writes: hex(source) } : { was: hex(was) };
}

function sourceOf({ source }: LockedOperation, registers: Registers): bigint | undefined {
  if (source === undefined) return undefined;
  return 'value' in source ? source.value : registers[source.register];
}

/** A bit number in a register reaches beyond the operand; a constant does not (Intel SDM volume 2, BTS). */
function bitOf(source: bigint, bytes: number): { readonly words: bigint; readonly bit: number } {
  const width = BigInt(8 * bytes);
  const number = BigInt.asIntN(Number(width), source);
  const words = number >= 0n ? number / width : -((width - 1n - number) / width);
  return { words, bit: Number(number - words * width) };
}
