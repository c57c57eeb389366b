import type { FunctionFlows } from './function-flows.js';
import type { PagedMemory, Reading } from './guest-memory.js';
import type { General } from './operations.js';
import type { WalkRegisters } from './pt-regs.js';
import type { StackFrame } from './stack-walk.js';
import { CALLEE_SAVED, type FlowState, type Value, type ValueFlow, valueOfKey } from './value-flow.js';

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

/** What is followed of one frame. */
interface Followed {
  readonly flow: ValueFlow;
  /** At the frame's address. */
  readonly state: FlowState;
  /** Right before the call that the frame returns from. */
  readonly call: FlowState | undefined;
  /** The function that this call names. */
  readonly calls: bigint | undefined;
  /** Numbers of the origins that are sure. */
  readonly origins: Map<string, bigint>;
}

/**
 * The values of each reliable frame of a stack, innermost first. Registers that functions save are restored from where
 * their code saved them, as a debugger does with call frame information, which kernels do not carry. What a frame passed
 * to the function that it called is that one's argument.
 */
export function* valuesOf(
  frames: readonly StackFrame[],
  { flows, memory }: { readonly flows: FunctionFlows; readonly memory: PagedMemory },
): Reading<readonly FrameValues[]> {
  const visited: {
    readonly frame: StackFrame;
    readonly registers: FrameValues['registers'];
    readonly followed: Followed | undefined;
  }[] = [];
  let registers: Partial<WalkRegisters> = {};
  for (const frame of frames) {
    if (!frame.reliable) break;
    if (frame.registers !== undefined) registers = frame.registers;
    else if (frame.interrupted) registers = {};
    registers = { ...registers, ...(frame.sp === undefined ? {} : { rsp: frame.sp }) };
    const followed = yield* follow(frame, registers, { flows, memory });
    visited.push({ frame, registers, followed });
    registers = followed === undefined ? {} : yield* restored(followed, memory);
  }
  const result: FrameValues[] = [];
  let outer: { readonly passed: Known | undefined; readonly calls: bigint | undefined } | undefined;
  for (const { frame, registers: known, followed } of visited.toReversed()) {
    const entry = frame.symbolized?.symbol.address;
    if (
      followed !== undefined &&
      outer?.calls !== undefined &&
      outer.calls === entry &&
      outer.passed?.sure === true
    )
      if (!followed.origins.has('in:rdi')) followed.origins.set('in:rdi', outer.passed.number);
    const values = yield* valuesIn(frame, known, { followed, memory });
    // An interrupt hit the frame further out, and called nothing.
    outer = frame.interrupted ? undefined : { passed: values.passed, calls: followed?.calls };
    result.unshift(values);
  }
  return result;
}

function* follow(
  frame: StackFrame,
  registers: FrameValues['registers'],
  { flows, memory }: { readonly flows: FunctionFlows; readonly memory: PagedMemory },
): Reading<Followed | undefined> {
  const { address, interrupted } = frame;
  const flow = yield* flows.at(interrupted ? address : address - 1n);
  const state = interrupted ? flow?.before(address) : flow?.afterCall(address);
  if (flow === undefined || state === undefined) return undefined;
  const origins = yield* originsOf(state, registers, memory);
  if (interrupted) return { flow, state, call: undefined, calls: undefined, origins };
  const code = yield* flows.codeAt(address - 1n);
  const call = code?.instructions.find((one) => one.address + BigInt(one.length) === address);
  return { flow, state, call: call && flow.before(call.address), calls: call?.target, origins };
}

/** The registers that a function's caller has, as far as its code saved them. */
function* restored(followed: Followed, memory: PagedMemory): Reading<Partial<WalkRegisters>> {
  const registers: Partial<Record<General, bigint>> = {};
  for (const name of CALLEE_SAVED) {
    const known = yield* numberOf({ origin: `in:${name}`, offset: 0n }, { ...followed, memory });
    if (known?.sure === true) registers[name] = known.number;
  }
  return registers;
}

function* valuesIn(
  frame: StackFrame,
  registers: FrameValues['registers'],
  { followed, memory }: { readonly followed: Followed | undefined; readonly memory: PagedMemory },
): Reading<FrameValues> {
  const base = { frame, registers };
  if (followed === undefined)
    return { ...base, argument: undefined, passed: undefined, held: [], maybeHeld: [] };
  const { state, call } = followed;
  const know = (value: Value | undefined) => numberOf(value, { ...followed, memory });
  // A call that has not returned has taken nothing yet, and may have released its lock already.
  const before = call ?? state;
  const held: Known[] = [];
  const maybeHeld: Known[] = [];
  for (const key of before.maybeHeld) {
    const known = yield* know(valueOfKey(key));
    const sure = before.held.has(key) && state.held.has(key);
    if (known !== undefined) (sure ? held : maybeHeld).push(known);
  }
  const argument = yield* know({ origin: 'in:rdi', offset: 0n });
  return { ...base, argument, passed: yield* know(call?.values.get('rdi')), held, maybeHeld };
}

/** Numbers of the origins: from registers, then from words of the stack whose addresses these give. */
function* originsOf(
  state: FlowState,
  registers: Readonly<Partial<WalkRegisters>>,
  memory: PagedMemory,
): Reading<Map<string, bigint>> {
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
