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
