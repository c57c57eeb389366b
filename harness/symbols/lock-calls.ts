import { addressReferences, type Code } from './address-references.js';
import type { FunctionCode, FunctionInstruction } from './function-code.js';
import type { FunctionFlows } from './function-flows.js';
import type { Reading } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';
import { type KernelSymbol, sortOf } from './symbol.js';
import type { Value } from './value-flow.js';

/** A call by which a function takes a lock of a known address. Offsets are from a function's first instruction, bytes. */
export interface LockCall {
  /** The function that names the lock. */
  readonly in: KernelSymbol;
  /** Its call, or jump, with the lock's address in RDI. */
  readonly offset: number;
  /** The function that it calls: one that takes locks, or one that passes its own argument on to such. */
  readonly callee: KernelSymbol;
  /** Where the lock has been taken: the return address of the lock function. */
  readonly taken: { readonly in: KernelSymbol; readonly offset: number };
}

/** A lock, and the functions that take locks of its kind, by their entries. */
export interface LockToFind {
  readonly variable: bigint;
  /** The lock in it. */
  readonly address: bigint;
  readonly functions: ReadonlySet<bigint>;
}

/**
 * The calls in a kernel's text that take a lock which is a variable. Addresses are followed from where the code names
 * them to RDI at a call, on every path; a lock whose address is loaded from memory is not found.
 */
export function* lockCalls(
  lock: LockToFind,
  {
    text,
    symbols,
    flows,
  }: { readonly text: Code; readonly symbols: SymbolTable; readonly flows: FunctionFlows },
): Reading<LockCall[]> {
  const callers = new Map<bigint, KernelSymbol>();
  for (const at of addressReferences(text, { first: lock.variable, last: lock.address })) {
    const symbol = symbols.at(at)?.symbol;
    if (symbol !== undefined && sortOf(symbol) === 'text') callers.set(symbol.address, symbol);
  }
  const found: LockCall[] = [];
  for (const caller of callers.values()) {
    const code = yield* flows.codeAt(caller.address);
    const flow = yield* flows.at(caller.address);
    if (code === undefined || flow === undefined) continue;
    for (const call of callsOf(code)) {
      const argument = flow.before(call.address)?.values.get('rdi');
      const callee = symbols.at(call.target);
      if (argument?.origin !== '' || callee?.offset !== 0) continue;
      const taken = yield* takenBy(call, { code, argument, lock, flows });
      if (taken === undefined) continue;
      const inside = symbols.at(taken)?.symbol;
      if (inside === undefined) continue;
      found.push({
        in: caller,
        offset: Number(call.address - caller.address),
        callee: callee.symbol,
        taken: { in: inside, offset: Number(taken - inside.address) },
      });
    }
  }
  return found;
}

/** Where a call has taken the lock, if it does. */
function* takenBy(
  call: Call,
  {
    code,
    argument,
    lock,
    flows,
  }: { code: FunctionCode; argument: Value; lock: LockToFind; flows: FunctionFlows },
): Reading<bigint | undefined> {
  if (lock.functions.has(call.target)) {
    const isTaken = argument.offset === lock.address && call.kind === 'call';
    return isTaken ? returnOf(call) : undefined;
  }
  // A call inside the function itself passes nothing on.
  if (call.target === code.address) return undefined;
  const callee = yield* flows.codeAt(call.target);
  const flow = yield* flows.at(call.target);
  if (callee === undefined || flow === undefined) return undefined;
  for (const inner of callsOf(callee)) {
    if (inner.kind !== 'call' || !lock.functions.has(inner.target)) continue;
    const passed = flow.before(inner.address)?.values.get('rdi');
    if (passed?.origin === 'in:rdi' && argument.offset + passed.offset === lock.address)
      return returnOf(inner);
  }
  return undefined;
}

type Call = FunctionInstruction & { readonly target: bigint };

/** Calls, and jumps to other functions. */
function callsOf({ address, size, instructions }: FunctionCode): Call[] {
  return instructions.flatMap((instruction): Call[] => {
    const { kind, target } = instruction;
    if (target === undefined) return [];
    const isInside = target >= address && target < address + BigInt(size);
    return kind === 'call' || (kind === 'jump' && !isInside) ? [{ ...instruction, target }] : [];
  });
}

function returnOf({ address, length }: FunctionInstruction): bigint {
  return address + BigInt(length);
}
