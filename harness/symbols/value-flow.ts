import type { FunctionCode, FunctionInstruction } from './function-code.js';
import { GENERAL, type General, type Operation, operationsAt, type Place } from './operations.js';

/**
 * A value as `origin + offset`. `''`: a constant. `in:rdi`: what the register held when the function was entered. Others
 * name the instruction that made the value, or the join of two paths at which it is one of several.
 */
export interface Value {
  readonly origin: string;
  readonly offset: bigint;
}

/** What is known right before an instruction, on every path that leads to it. */
export interface FlowState {
  /** Registers by name, and words of the stack as `[origin+offset]` of their address. */
  readonly values: ReadonlyMap<string, Value>;
  /** Locks that are held on every path, and on some path, by the key of their address. */
  readonly held: ReadonlySet<string>;
  readonly maybeHeld: ReadonlySet<string>;
}

/** What a call does to the lock whose address is in RDI, or is one that the called function knows itself. */
export type CallEffect =
  | { readonly kind: 'none' }
  /** It changes no register: `__fentry__`. */
  | { readonly kind: 'nothing' }
  /** It releases some locks. */
  | { readonly kind: 'gives-all' }
  | {
      readonly kind: 'takes' | 'tries' | 'gives';
      /** Absent: the one in RDI. Its origin is '' or `in:rdi` of the called function. */
      readonly lock?: Value;
    };

/** The code of a function, and what its calls do. */
export interface FlowInput {
  readonly code: FunctionCode;
  readonly bytes: Uint8Array;
  readonly callEffect: (call: FunctionInstruction) => CallEffect;
  /** False: its first byte is no function's entry (GCC's `.cold` parts), and nothing is known there. */
  readonly isEntry?: boolean;
  /** Addresses in it that other code jumps to. */
  readonly alsoEntered?: readonly bigint[];
}

/** The states before each instruction that some path reaches; loads whose value is not known otherwise. */
export interface ValueFlow {
  before(address: bigint): FlowState | undefined;
  /** The state after the call that ends at an address, where its return address points. */
  afterCall(returnAddress: bigint): FlowState | undefined;
  /** By origin: the address in memory that a value was loaded from. */
  readonly loads: ReadonlyMap<string, Value>;
}

/** Registers that a function leaves as they were (System V AMD64 psABI, 3.2.1). */
export const CALLEE_SAVED: readonly General[] = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'];
const CALLER_SAVED: readonly General[] = ['rax', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11'];
/** Instructions whose states are computed, again ones included. */
const MOST_VISITS = 60_000;

interface State {
  readonly values: Map<string, Value>;
  readonly held: Set<string>;
  readonly maybeHeld: Set<string>;
}

/** The key of a value, as in {@link FlowState.held}. */
export function keyOf({ origin, offset }: Value): string {
  return `${origin}+${offset}`;
}

/** The value behind a key. */
export function valueOfKey(key: string): Value {
  const plus = key.lastIndexOf('+');
  return { origin: key.slice(0, plus), offset: BigInt(key.slice(plus + 1)) };
}

/**
 * Follows values through a function along its direct jumps. What it says holds on every path: a register that two paths
 * leave different is a value of its own from there. Code behind a jump table is entered with nothing known. Memory other
 * than the stack is taken for unchanged by nobody: a value that was loaded from it has its instruction as origin.
 */
export function flowOf({ code, bytes, callEffect, isEntry = true, alsoEntered = [] }: FlowInput): ValueFlow {
  const { instructions } = code;
  const operations = operationsAt(
    { bytes, address: code.address },
    instructions.map(({ address }) => Number(address - code.address)),
  );
  const index = new Map(instructions.map(({ address }, at) => [address, at] as const));
  const successors = instructions.map((instruction) => successorsOf(instruction, index));
  const indexOf = (address: bigint) => index.get(address) ?? [];
  const led = new Set(successors.flat());
  // What nothing leads to is padding or the branch of a static key that is off, but where a jump table may lead to it.
  const hasTable = instructions.some(({ kind }) => kind === 'jump-indirect');
  const unknown = [
    ...alsoEntered.flatMap(indexOf),
    ...[...instructions.keys()].filter(
      (at) => hasTable && at > 0 && instructions[at]?.found === 'sweep' && !led.has(at),
    ),
  ];
  const predecessors = countOf([0, ...unknown, ...reachedFrom([0, ...unknown], successors)]);
  const states = new Map<number, State>();
  const loads = new Map<string, Value>();
  const step = (at: number, before: State): State => {
    const instruction = instructions[at];
    const after = copyOf(before);
    if (instruction === undefined) return after;
    if (instruction.kind === 'call' || instruction.kind === 'call-indirect') {
      applyCall(after, instruction, callEffect(instruction));
    } else {
      for (const operation of operations[at] ?? [])
        apply(after, operation, { at: instruction.address, loads });
    }
    return after;
  };
  const work: number[] = [];
  const enter = (at: number, state: State) => {
    const old = states.get(at);
    const one = (predecessors.get(at) ?? 0) <= 1;
    const next =
      old === undefined ? state : one ? state : joined(old, state, instructions[at]?.address ?? 0n);
    if (old !== undefined && isSame(old, next)) return;
    states.set(at, next);
    work.push(at);
  };
  enter(0, isEntry ? entryState() : unknownState());
  for (const at of unknown) enter(at, unknownState());
  for (let visits = 0; visits < MOST_VISITS; visits += 1) {
    const at = work.pop();
    if (at === undefined) break;
    const before = states.get(at);
    if (before === undefined) continue;
    const after = step(at, before);
    for (const next of successors[at] ?? []) enter(next, after);
  }
  // Cut off in the middle, no state is one of every path.
  if (work.length > 0) states.clear();
  const stateAt = (at: number | undefined) => (at === undefined ? undefined : states.get(at));
  return {
    loads,
    before: (address) => stateAt(index.get(address)),
    afterCall: (returnAddress) => {
      const at = instructions.findIndex(({ address, length }) => address + BigInt(length) === returnAddress);
      const before = stateAt(at < 0 ? undefined : at);
      return before === undefined ? undefined : step(at, before);
    },
  };
}

function successorsOf(
  { address, length, kind, target, mnemonic }: FunctionInstruction,
  index: ReadonlyMap<bigint, number>,
): readonly number[] {
  if (mnemonic === 'int3') return [];
  const following = address + BigInt(length);
  const addresses: bigint[] = [];
  if (kind === 'jump' || kind === 'conditional-jump') addresses.push(target ?? 0n);
  // Execution continues behind the ud2 of WARN().
  if (kind !== 'jump' && kind !== 'jump-indirect' && kind !== 'return') addresses.push(following);
  return addresses.flatMap((one) => index.get(one) ?? []);
}

/** The successors of all instructions that direct jumps reach from some, each as often as it is one. */
function reachedFrom(
  starts: readonly number[],
  successors: readonly (readonly number[])[],
): readonly number[] {
  const seen = new Set(starts);
  for (const at of seen) for (const next of successors[at] ?? []) seen.add(next);
  return [...seen].flatMap((at) => successors[at] ?? []);
}

function countOf(list: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const one of list) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

function entryState(): State {
  const values = new Map<string, Value>(GENERAL.map((name) => [name, { origin: `in:${name}`, offset: 0n }]));
  return { values, held: new Set(), maybeHeld: new Set() };
}

function unknownState(): State {
  return { values: new Map(), held: new Set(), maybeHeld: new Set() };
}

function copyOf({ values, held, maybeHeld }: State): State {
  return { values: new Map(values), held: new Set(held), maybeHeld: new Set(maybeHeld) };
}

function isSame(one: State, other: State): boolean {
  const sameSet = (left: Set<string>, right: Set<string>) =>
    left.size === right.size && [...left].every((key) => right.has(key));
  return (
    one.values.size === other.values.size &&
    [...one.values].every(([key, value]) => isEqual(value, other.values.get(key))) &&
    sameSet(one.held, other.held) &&
    sameSet(one.maybeHeld, other.maybeHeld)
  );
}

function isEqual(one: Value, other: Value | undefined): boolean {
  return other !== undefined && one.origin === other.origin && one.offset === other.offset;
}

function joined(one: State, other: State, at: bigint): State {
  const values = new Map<string, Value>();
  const own = `join:${at.toString(16)}:`;
  for (const [key, value] of one.values) {
    const second = other.values.get(key);
    if (second === undefined) continue;
    // A value that this join made in an earlier round is another one in the next.
    const same = isEqual(value, second) && !value.origin.startsWith(own);
    values.set(key, same ? value : { origin: `${own}${key}`, offset: 0n });
  }
  const isOld = (key: string) => key.startsWith(own);
  const held = new Set([...one.held].filter((key) => other.held.has(key) && !isOld(key)));
  return { values, held, maybeHeld: new Set([...one.maybeHeld, ...other.maybeHeld]) };
}

interface Where {
  readonly at: bigint;
  readonly loads: Map<string, Value>;
}

function apply(state: State, operation: Operation, where: Where): void {
  const { values } = state;
  const set = (to: General, value: Value | undefined) => {
    if (value === undefined) values.delete(to);
    else values.set(to, value);
  };
  switch (operation.op) {
    case 'copy':
      return set(operation.to, values.get(operation.from));
    case 'constant':
      return set(operation.to, { origin: '', offset: operation.value });
    case 'address':
      return set(operation.to, addressOf(values, operation.of) ?? made(state, operation.to, where.at));
    case 'load': {
      const from = addressOf(values, operation.from);
      const kept = from === undefined ? undefined : values.get(slot(from));
      if (kept !== undefined) return set(operation.to, kept);
      const fresh = made(state, operation.to, where.at);
      if (from !== undefined) where.loads.set(fresh.origin, from);
      return set(operation.to, fresh);
    }
    case 'store': {
      const to = operation.to === undefined ? undefined : addressOf(values, operation.to);
      if (to === undefined) return;
      if (operation.zero) give(state, to);
      return store(state, {
        to,
        value: operation.from && values.get(operation.from),
        bytes: operation.bytes,
      });
    }
    case 'add': {
      const value = values.get(operation.to);
      return set(operation.to, value && plus(value, operation.by));
    }
    case 'push':
      return push(state, operation.from && values.get(operation.from));
    case 'pop':
      return pop(state, operation.to, where.at);
    case 'leave':
      set('rsp', values.get('rbp'));
      return pop(state, 'rbp', where.at);
    case 'clobber':
      for (const register of operation.registers) set(register, made(state, register, where.at));
  }
}

function addressOf(values: ReadonlyMap<string, Value>, { base, displacement }: Place): Value | undefined {
  if (base === undefined) return { origin: '', offset: displacement };
  const value = values.get(base);
  return value && plus(value, displacement);
}

function plus({ origin, offset }: Value, by: bigint): Value {
  const sum = offset + by;
  return { origin, offset: origin === '' ? BigInt.asUintN(64, sum) : BigInt.asIntN(64, sum) };
}

/** A value that only this instruction names. Those that it made in an earlier round are forgotten. */
function made(state: State, register: General, at: bigint): Value {
  const origin = `at:${at.toString(16)}:${register}`;
  for (const [key, value] of state.values) if (value.origin === origin) state.values.delete(key);
  for (const key of state.held) if (valueOfKey(key).origin === origin) state.held.delete(key);
  return { origin, offset: 0n };
}

function slot(address: Value): string {
  return `[${keyOf(address)}]`;
}

/** Words of the stack are followed; other memory is not, and is not taken for the stack. */
function store(
  { values }: State,
  { to, value, bytes }: { readonly to: Value; readonly value: Value | undefined; readonly bytes: number },
): void {
  for (let at = -7n; at < BigInt(Math.max(bytes, 1)); at += 1n) values.delete(slot(plus(to, at)));
  const stack = values.get('rsp');
  if (value !== undefined && bytes === 8 && stack !== undefined && to.origin === stack.origin)
    values.set(slot(to), value);
}

const WORD = 8n;

function push(state: State, value: Value | undefined): void {
  const stack = state.values.get('rsp');
  if (stack === undefined) return;
  const to = plus(stack, -WORD);
  state.values.set('rsp', to);
  store(state, { to, value, bytes: 8 });
}

function pop(state: State, to: General | undefined, at: bigint): void {
  const stack = state.values.get('rsp');
  const value = stack && state.values.get(slot(stack));
  if (to !== undefined) state.values.set(to, value ?? made(state, to, at));
  if (stack !== undefined) state.values.set('rsp', plus(stack, WORD));
}

function applyCall(state: State, { address }: FunctionInstruction, effect: CallEffect): void {
  if (effect.kind === 'nothing') return;
  if (effect.kind === 'gives-all') state.held.clear();
  const lock = effect.kind === 'none' || effect.kind === 'gives-all' ? undefined : lockOf(state, effect.lock);
  for (const register of CALLER_SAVED) state.values.set(register, made(state, register, address));
  if (lock === undefined) return;
  const key = keyOf(lock);
  if (effect.kind === 'gives') return give(state, lock);
  state.maybeHeld.add(key);
  if (effect.kind === 'takes') state.held.add(key);
}

function lockOf({ values }: State, lock: Value | undefined): Value | undefined {
  const argument = values.get('rdi');
  if (lock === undefined) return argument;
  return lock.origin === '' ? lock : argument && plus(argument, lock.offset);
}

function give({ held, maybeHeld }: State, lock: Value): void {
  held.delete(keyOf(lock));
  maybeHeld.delete(keyOf(lock));
}
