import {
  decodeFunction,
  type FunctionCode,
  type FunctionInstruction,
  instructionBefore,
} from './function-code.js';
import type { PagedMemory, Reading } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';
import { sortOf } from './symbol.js';

/** Checks whether an address is one that a call leaves on the stack. */
export interface ReturnAddressCheck {
  /** The call that ends right before the address, in its own function. Decodes each function once. */
  callBefore(address: bigint): Reading<FunctionInstruction | undefined>;
  /** The decoded function that covers an address; undefined without a symbol or readable bytes. */
  codeAround(address: bigint): Reading<FunctionCode | undefined>;
}

/** Functions decoded for one walk; a scan of 16 KiB of stack needs fewer. */
const MAX_FUNCTIONS = 512;
/** Longer ones are assembly or no functions, and are not decoded. */
const MAX_FUNCTION_BYTES = 64 * 1024;

/** A check over one stopped guest. */
export function returnAddressCheck(table: SymbolTable, memory: PagedMemory): ReturnAddressCheck {
  const known = new Map<bigint, FunctionCode | undefined>();
  function* codeAround(address: bigint): Reading<FunctionCode | undefined> {
    const found = table.at(address);
    if (found === undefined || sortOf(found.symbol) !== 'text' || found.size > MAX_FUNCTION_BYTES)
      return undefined;
    const start = found.symbol.address;
    if (known.has(start)) return known.get(start);
    if (known.size >= MAX_FUNCTIONS) return undefined;
    const bytes = yield* memory.bytes(start, found.size);
    const code = bytes === undefined ? undefined : decodeFunction({ bytes, address: start });
    known.set(start, code);
    return code;
  }
  function* callBefore(address: bigint): Reading<FunctionInstruction | undefined> {
    const code = yield* codeAround(address - 1n);
    const before = code === undefined ? undefined : instructionBefore(code, address);
    return before?.kind === 'call' || before?.kind === 'call-indirect' ? before : undefined;
  }
  return { callBefore, codeAround };
}
