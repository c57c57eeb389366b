import type { LockWait } from '../model/autopsy.js';
import type { FrameValues, Known, Reading, StackFrame, SymbolTable } from '../symbols/index.js';
import { sortOf } from '../symbols/index.js';
import { LOCK_FUNCTION } from './lock-functions.js';
import type { StackedVcpu } from './stacked-vcpu.js';

/** A wait for a lock. */
export interface FoundWait {
  readonly wait: LockWait;
  /** False: the lock's word shows that it is free, so that the vCPU takes it next. */
  readonly taken: boolean;
}

/** What halts, or passes time; a vCPU sits in what calls it. */
const RESTS =
  /^(?:(?:pv_)?native_(?:safe_)?halt|halt|default_idle|mwait_idle\w*|cpu_relax|__?delay\w*|delay_\w+|__const_udelay)(?:\..*)?$/;
/** A lock by its owner: the task that has it, with flags in the low bits (kernel/locking/mutex.c, rwsem.c, v6.1). */
const HAS_OWNER = /mutex|rwsem/;

/** What a vCPU waits for, where its innermost functions are those of a lock; who holds it, among all of that kernel. */
export function* waitOf(waiter: StackedVcpu, all: readonly StackedVcpu[]): Reading<FoundWait | undefined> {
  const { vcpu, values, memory } = waiter;
  const { frames } = waiter.trace;
  const depth = lockFrames(frames);
  if (depth === 0) return undefined;
  const outermost = frames[depth - 1];
  const taker = frames[depth];
  const address = lockAddress(values, depth);
  const word = address === undefined ? undefined : yield* memory.bytes(address.number, 4);
  const lock = {
    ...(address === undefined ? {} : { name: nameOfData(waiter.symbols, address.number) }),
    ...(address === undefined ? {} : { address: address.number.toString(16) }),
    ...(word === undefined ? {} : { word: Buffer.from(word.toReversed()).toString('hex') }),
  };
  const name = functionOf(taker);
  const wait: LockWait = {
    vcpu,
    lock,
    ...(outermost === undefined ? {} : { function: functionOf(outermost) }),
    ...(name === undefined ? {} : { takenIn: name }),
  };
  const function_ = functionOf(outermost) ?? '';
  if (word !== undefined && isFree(word, { name: function_, symbols: waiter.symbols }))
    return { wait, taken: false };
  if (address !== undefined && HAS_OWNER.test(function_)) {
    const owner = yield* ownerOf(address.number, { name: function_, waiter, all });
    if (owner !== undefined) return { wait: { ...wait, holder: owner }, taken: true };
  }
  const question = address === undefined ? undefined : { waiter, depth, address, all };
  const holder = question === undefined ? undefined : (holderOf(question) ?? (yield* likelyHolder(question)));
  return { wait: holder === undefined ? wait : { ...wait, holder }, taken: true };
}

/** How many of the innermost frames are a lock's functions. */
function lockFrames(frames: readonly StackFrame[]): number {
  const end = frames.findIndex(
    (frame, index) =>
      !frame.reliable ||
      !LOCK_FUNCTION.test(functionOf(frame) ?? '') ||
      // Below an interrupt or exception is what was interrupted.
      (index > 0 && frame.interrupted),
  );
  return end < 0 ? 0 : end;
}

/**
 * Whether a lock's word shows that it is free. A mutex has its owner there. A ticket lock, before queued spin locks (v4.2),
 * is free when its two halves are equal, of 8 or 16 bits each (arch/x86/include/asm/spinlock.h, v3.2).
 */
function isFree(
  bytes: Uint8Array,
  { name, symbols }: { readonly name: string; readonly symbols: SymbolTable },
): boolean {
  if (HAS_OWNER.test(name)) return false;
  const word = Buffer.from(bytes).readUInt32LE();
  const queued = symbols.related('queued_spin_lock_slowpath').length > 0;
  if (queued || symbols.related('native_queued_spin_lock_slowpath').length > 0 || !SPIN.test(name))
    return word === 0;
  return word >>> 16 === (word & 0xffff) || (word < 0x10000 && word >>> 8 === (word & 0xff));
}

const SPIN = /spin/;
/** The owner of a mutex is its first word, that of a read-write semaphore its second; flags are in the low three bits. */
const OWNER_OFFSET = { mutex: 0n, rwsem: 8n } as const;
const OWNER_FLAGS = 7n;
/** The task that a CPU runs: a per-CPU variable, since v6.2 the first member of another one for some releases. */
const CURRENT = ['current_task', 'const_pcpu_hot', 'pcpu_hot'] as const;

/** Who owns a mutex or a semaphore, when its owner is the task that a vCPU runs. */
function* ownerOf(
  lock: bigint,
  {
    name,
    waiter,
    all,
  }: { readonly name: string; readonly waiter: StackedVcpu; readonly all: readonly StackedVcpu[] },
): Reading<LockWait['holder']> {
  const offset = /rwsem/.test(name) ? OWNER_OFFSET.rwsem : OWNER_OFFSET.mutex;
  const owner = yield* waiter.memory.word(lock + offset);
  if (owner === undefined || (owner & ~OWNER_FLAGS) === 0n) return undefined;
  for (const one of all) {
    const current = CURRENT.map((variable) => one.symbols.named(variable)[0]).find(
      (symbol) => symbol !== undefined,
    );
    if (current === undefined) return undefined;
    const at = BigInt.asUintN(64, one.registers.gs_base + current.address);
    if ((yield* waiter.memory.word(at)) !== (owner & ~OWNER_FLAGS)) continue;
    const { frames } = one.trace;
    const hit = frames.findIndex((frame, index) => index > 0 && frame.interrupted);
    return {
      ...describe({ holder: one, frame: Math.max(hit, 0), strength: 2 }),
      heldIn: undefined,
      proof: `the owner that the lock names is the task that vCPU ${one.vcpu} runs (${current.name})`,
    };
  }
  return undefined;
}

function lockAddress(values: readonly FrameValues[], depth: number): Known | undefined {
  const candidates = [
    values[depth - 1]?.argument,
    values[depth]?.passed,
    ...values.slice(0, depth - 1).map(({ argument }) => argument),
  ].filter((one) => one !== undefined);
  return candidates.find(({ sure }) => sure) ?? candidates[0];
}

interface Question {
  readonly waiter: StackedVcpu;
  readonly depth: number;
  readonly address: Known;
  readonly all: readonly StackedVcpu[];
}

interface Claim {
  readonly holder: StackedVcpu;
  /** Of the frame whose function has taken the lock. */
  readonly frame: number;
  /** 2: on every path, the address is sure; 1: the address was read from a variable; 0: on some path. */
  readonly strength: 0 | 1 | 2;
}

function holderOf({ waiter, depth, address, all }: Question): LockWait['holder'] {
  const claims: Claim[] = [];
  for (const holder of all) {
    for (const [frame, { held, maybeHeld }] of holder.values.entries()) {
      // Its own frames down to the taker are those that wait.
      if (holder.vcpu === waiter.vcpu && frame <= depth - 1) continue;
      const is = ({ number }: Known) => number === address.number;
      const sure = held.find((one) => is(one) && one.sure);
      if (sure !== undefined) claims.push({ holder, frame, strength: address.sure ? 2 : 1 });
      else if (held.some(is)) claims.push({ holder, frame, strength: 1 });
      else if (maybeHeld.some(is)) claims.push({ holder, frame, strength: 0 });
    }
  }
  const strongest = Math.max(...claims.map(({ strength }) => strength));
  const best = claims.filter(({ strength }) => strength === strongest);
  const [claim] = best;
  // Two vCPUs that may hold it: neither is named.
  if (claim === undefined || new Set(best.map(({ holder }) => holder.vcpu)).size > 1) return undefined;
  return describe(claim);
}

/**
 * A lock whose holder's code does not show it, because a function that took it is not on the stack any more: a compiler
 * makes a jump of the last call. On x86 the locking functions leave their argument in RDI. So a vCPU is likely the holder
 * that was interrupted with the lock's address in a register, where no function on its stack takes the lock itself.
 */
function* likelyHolder({ waiter, address, all }: Question): Reading<LockWait['holder']> {
  const found: { readonly holder: StackedVcpu; readonly frame: number; readonly register: string }[] = [];
  for (const holder of all) {
    if (holder.vcpu === waiter.vcpu) continue;
    for (const [frame, { registers }] of holder.values.entries()) {
      if (holder.trace.frames[frame]?.interrupted !== true) continue;
      const register = POINTERS.find((name) => registers[name] === address.number);
      if (register === undefined || (yield* takesItself(holder, address))) continue;
      found.push({ holder, frame, register });
    }
  }
  const [one, another] = found;
  if (one === undefined || another !== undefined) return undefined;
  const at = one.holder.trace.frames[one.frame]?.label ?? '?';
  const proof = `${one.register} of the interrupted ${at} has the address of the lock, and it takes it nowhere else`;
  return { ...describe({ ...one, strength: 0 }), proof, certain: false, heldIn: undefined };
}

const POINTERS = ['rdi', 'rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const;

/** Whether a function on the stack has a call that takes or releases this lock: it holds it not yet, or no longer. */
function* takesItself({ values, flows, symbols }: StackedVcpu, address: Known): Reading<boolean> {
  for (const { frame } of values) {
    const at = frame.interrupted ? frame.address : frame.address - 1n;
    const code = yield* flows.codeAt(at);
    const flow = yield* flows.at(at);
    for (const { kind, target, address: call } of code?.instructions ?? []) {
      if (kind !== 'call' || target === undefined) continue;
      if (!LOCK_FUNCTION.test(symbols.at(target)?.symbol.name ?? '')) continue;
      const argument = flow?.before(call)?.values.get('rdi');
      if (argument?.origin === '' && argument.offset === address.number) return true;
    }
  }
  return false;
}

function describe({ holder, frame, strength }: Claim): NonNullable<LockWait['holder']> {
  const { vcpu } = holder;
  const { frames } = holder.trace;
  const held = frames[frame];
  // The interrupted frame at or above the one that has the lock; the innermost one is where the vCPU is now.
  const interrupted = frames.findLastIndex((one, index) => index > 0 && index <= frame && one.interrupted);
  const inside = interrupted < 0 ? undefined : functionOf(frames[interrupted]);
  const above = frames.slice(0, interrupted < 0 ? frame + 1 : interrupted);
  const sits = above.map((one) => functionOf(one)).find((name) => name !== undefined && !RESTS.test(name));
  const heldIn = functionOf(held);
  const path = {
    2: 'lies between its call that takes this lock and the one that releases it, on every path',
    1: 'lies between its call that takes the lock of a variable, which has this address now, and the one that releases it',
    0: 'lies behind a call that takes this lock, on one path',
  }[strength];
  return {
    vcpu,
    ...(inside === undefined ? {} : { interruptedIn: inside }),
    ...(sits === undefined ? {} : { sitsIn: sits }),
    ...(heldIn === undefined ? {} : { heldIn }),
    proof: `${held?.label ?? '?'} ${path}`.slice(0, 512),
    certain: strength === 2,
  };
}

function functionOf(frame: StackFrame | undefined): string | undefined {
  return frame?.symbolized?.symbol.name;
}

/** A structure with a lock in it is shorter. */
const LONGEST_VARIABLE = 0x1000;

/** `ioapic_lock`, `port_lock+0x8`; undefined where no symbol of data covers the address, or only one far before it. */
export function nameOfData(symbols: SymbolTable, address: bigint): string | undefined {
  const found = symbols.at(address);
  if (found === undefined || sortOf(found.symbol) !== 'data' || found.offset >= LONGEST_VARIABLE)
    return undefined;
  return found.offset === 0 ? found.symbol.name : `${found.symbol.name}+0x${found.offset.toString(16)}`;
}
