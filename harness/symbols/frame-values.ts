import { decodeFunction, type FunctionCode, type FunctionInstruction } from './function-code.js';
import { type PagedMemory, type Reading } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';
import type { General } from './operations.js';
import type { WalkRegisters } from './pt-regs.js';
import type { StackFrame } from './stack-walk.js';
import { sortOf } from './symbol.js';
import {
  CALLEE_SAVED,
  type CallEffect,
  flowOf,
  type FlowState,
  type Value,
  type ValueFlow,
  valueOfKey,
} from './value-flow.js';

/** A number that a value had, and whether it is sure: otherwise memory was read that may have changed since. */
export interface Known {
  readonly number: bigint;
  readonly sure: boolean;
}

/** What is known of one frame of a stack. */
export interface FrameValues {
  readonly frame: StackFrame;
  /** What its function was called with in RDI, its first argument. */
  readonly argument: Known | undefined;
  /** RDI at the call that the frame returns from; undefined in an interrupted frame. */
  readonly passed: Known | undefined;
  /** General registers at the frame's address, those that are known. */
  readonly registers: Readonly<Partial<WalkRegisters>>;
  /** The locks, by address, that the function holds at the frame's address on every path that leads there. */
  readonly held: readonly Known[];
  /** Those that it holds on some path. */
  readonly maybeHeld: readonly Known[];
}

/** Functions of a kernel, with their values. One per stopped machine: code is decoded once. */
export interface FunctionFlows {
  /** Undefined without a symbol or readable bytes, and for code that is too long. */
  at(address: bigint): Reading<ValueFlow | undefined>;
  codeAt(address: bigint): Reading<FunctionCode | undefined>;
}

/** What a function does to locks; `wraps`: its code is to be asked. */
export type NamedEffect = 'none' | 'nothing' | 'takes' | 'tries' | 'gives' | 'gives-all' | 'wraps';

/** Wrappers of lock functions inside each other. */
const MOST_WRAPPERS = 2;
/** Longer functions are not followed. */
const MOST_BYTES = 16 * 1024;

/** The flows of one stopped kernel. `effectOf` says what functions do to locks, by their names. */
export function functionFlows(
  table: SymbolTable,
  { memory, effectOf }: { readonly memory: PagedMemory; readonly effectOf: (name: string) => NamedEffect },
): FunctionFlows {
  const codes = new Map<bigint, { readonly code: FunctionCode; readonly bytes: Uint8Array } | undefined>();
  const flows = new Map<bigint, ValueFlow | undefined>();
  function* read(address: bigint) {
    const found = table.at(address);
    if (found === undefined || sortOf(found.symbol) !== 'text' || found.size > MOST_BYTES) return undefined;
    const start = found.symbol.address;
    if (!codes.has(start)) {
      const bytes = yield* memory.bytes(start, found.size);
      codes.set(start, bytes && { code: decodeFunction({ bytes, address: start }), bytes });
    }
    return codes.get(start);
  }
  const effects = new Map<bigint, CallEffect>();
  function* flowAt(address: bigint, depth: number): Reading<ValueFlow | undefined> {
    const known = yield* read(address);
    if (known === undefined) return undefined;
    const { code, bytes } = known;
    if (flows.has(code.address)) return flows.get(code.address);
    for (const { kind, target } of code.instructions)
      if (kind === 'call' && target !== undefined) yield* learnEffect(target, depth);
    const callEffect = ({ target }: FunctionInstruction): CallEffect =>
      (target === undefined ? undefined : effects.get(target)) ?? { kind: 'none' };
    const flow = flowOf({ code, bytes, callEffect });
    flows.set(code.address, flow);
    return flow;
  }
  function* learnEffect(target: bigint, depth: number): Reading<void> {
    if (effects.has(target)) return;
    const found = table.at(target);
    const effect = found === undefined ? 'none' : effectOf(found.symbol.name);
    if (effect !== 'wraps') {
      effects.set(target, { kind: effect });
      return;
    }
    effects.set(target, { kind: 'none' });
    const code = depth >= MOST_WRAPPERS ? undefined : (yield* read(target))?.code;
    const flow = code === undefined ? undefined : yield* flowAt(target, depth + 1);
    const taken = code === undefined || flow === undefined ? undefined : heldAtReturn(code, flow);
    if (taken !== undefined) effects.set(target, { kind: 'takes', lock: taken });
  }
  return {
    *codeAt(address) {
      return (yield* read(address))?.code;
    },
    at: (address) => flowAt(address, 0),
  };
}

/** The one lock that a function has taken wherever it returns, by a constant address or one in its first argument. */
function heldAtReturn(code: FunctionCode, flow: ValueFlow): Value | undefined {
  const states = code.instructions
    .filter(({ kind, target }) => kind === 'return' || (kind === 'jump' && isOutside(code, target)))
    .flatMap(({ address }) => flow.before(address) ?? []);
  const [first] = states;
  if (first === undefined) return undefined;
  const keys = [...first.held].filter((key) => states.every(({ held }) => held.has(key)));
  const [key] = keys;
  if (key === undefined || keys.length > 1) return undefined;
  const value = valueOfKey(key);
  return value.origin === '' || value.origin === 'in:rdi' ? value : undefined;
}

function isOutside({ address, size }: FunctionCode, target: bigint | undefined): boolean {
  return target !== undefined && (target < address || target >= address + BigInt(size));
}

/**
 * The values of each reliable frame of a stack, innermost first. Registers that functions save are restored from where
 * their code saved them, as a debugger does with call frame information, which kernels do not carry.
 */
export function* valuesOf(
  frames: readonly StackFrame[],
  { flows, memory }: { readonly flows: FunctionFlows; readonly memory: PagedMemory },
): Reading<readonly FrameValues[]> {
  const result: FrameValues[] = [];
  let registers: Partial<WalkRegisters> = {};
  for (const frame of frames) {
    if (!frame.reliable) break;
    if (frame.registers !== undefined) registers = frame.registers;
    else if (frame.interrupted) registers = {};
    registers = { ...registers, ...(frame.sp === undefined ? {} : { rsp: frame.sp }) };
    const at = frame.interrupted ? frame.address : frame.address - 1n;
    const flow = yield* flows.at(at);
    const state = frame.interrupted ? flow?.before(frame.address) : flow?.afterCall(frame.address);
    if (flow === undefined || state === undefined) {
      result.push({ frame, argument: undefined, passed: undefined, registers, held: [], maybeHeld: [] });
      registers = {};
      continue;
    }
    const origins = yield* originsOf(state, registers, memory);
    const know = (value: Value | undefined) => numberOf(value, { origins, flow, memory });
    const call = frame.interrupted ? undefined : yield* callState(flow, flows, frame);
    // A call that has not returned has taken nothing yet, and may have released its lock already.
    const before = call ?? state;
    const held: Known[] = [];
    const maybeHeld: Known[] = [];
    for (const key of before.maybeHeld) {
      const known = yield* know(valueOfKey(key));
      const sure = before.held.has(key) && state.held.has(key);
      if (known !== undefined) (sure ? held : maybeHeld).push(known);
    }
    result.push({
      frame,
      argument: yield* know({ origin: 'in:rdi', offset: 0n }),
      passed: yield* know(call?.values.get('rdi')),
      registers,
      held,
      maybeHeld,
    });
    const restored: Partial<Record<General, bigint>> = {};
    for (const name of CALLEE_SAVED) {
      const known = yield* know({ origin: `in:${name}`, offset: 0n });
      if (known?.sure === true) restored[name] = known.number;
    }
    registers = restored;
  }
  return result;
}

function* callState(
  flow: ValueFlow,
  flows: FunctionFlows,
  frame: StackFrame,
): Reading<FlowState | undefined> {
  const code = yield* flows.codeAt(frame.address - 1n);
  const call = code?.instructions.find(({ address, length }) => address + BigInt(length) === frame.address);
  return call === undefined ? undefined : flow.before(call.address);
}

/** Numbers of the origins: from registers, then from words of the stack whose addresses these give. */
function* originsOf(
  state: FlowState,
  registers: Readonly<Partial<WalkRegisters>>,
  memory: PagedMemory,
): Reading<ReadonlyMap<string, bigint>> {
  const origins = new Map<string, bigint>();
  const learn = ({ origin, offset }: Value, number: bigint) => {
    if (origin !== '' && !origins.has(origin)) origins.set(origin, BigInt.asUintN(64, number - offset));
  };
  const known = new Map<string, bigint | undefined>(Object.entries(registers));
  for (const [name, value] of state.values) {
    const number = known.get(name);
    if (number !== undefined) learn(value, number);
  }
  for (const [name, value] of state.values) {
    if (!name.startsWith('[')) continue;
    const place = valueOfKey(name.slice(1, -1));
    const base = place.origin === '' ? 0n : origins.get(place.origin);
    const word = base === undefined ? undefined : yield* memory.word(BigInt.asUintN(64, base + place.offset));
    if (word !== undefined) learn(value, word);
  }
  return origins;
}

/** Loads that a number may depend on. */
const MOST_LOADS = 4;

function* numberOf(
  value: Value | undefined,
  {
    origins,
    flow,
    memory,
  }: {
    readonly origins: ReadonlyMap<string, bigint>;
    readonly flow: ValueFlow;
    readonly memory: PagedMemory;
  },
  depth = 0,
): Reading<Known | undefined> {
  if (value === undefined) return undefined;
  const base = value.origin === '' ? 0n : origins.get(value.origin);
  if (base !== undefined) return { number: BigInt.asUintN(64, base + value.offset), sure: true };
  const from = flow.loads.get(value.origin);
  if (from === undefined || depth >= MOST_LOADS) return undefined;
  const place = yield* numberOf(from, { origins, flow, memory }, depth + 1);
  const word = place === undefined ? undefined : yield* memory.word(place.number);
  return word === undefined ? undefined : { number: BigInt.asUintN(64, word + value.offset), sure: false };
}
