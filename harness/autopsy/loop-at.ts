import type { Registers } from '../machine/debugger.js';
import { effectsOf } from '../standstill/instruction-effects.js';
import {
  type FunctionCode,
  type FunctionFlows,
  type FunctionInstruction,
  operationsAt,
  type PagedMemory,
  type Reading,
} from '../symbols/index.js';

/** A loop of instructions that a vCPU is in, from its code. */
export interface CodeLoop {
  readonly instructions: number;
  /** No instruction leads out of it. */
  readonly closed: boolean;
  /** Memory that it reads, by address, with the bytes that are there. */
  readonly reads: readonly {
    readonly address: bigint;
    readonly length: number;
    readonly bytes: Uint8Array | undefined;
  }[];
  /** Memory whose address the registers of the stop do not give. */
  readonly readsElsewhere: boolean;
  /** Why it may end without a change of memory: it sees the time or a device, or counts. */
  readonly sees: string | undefined;
}

/** A loop that waits for memory has ten instructions. */
const MOST_INSTRUCTIONS = 64;

/** What the reading of a loop needs of a stopped machine. */
export interface LoopReader {
  readonly flows: FunctionFlows;
  readonly memory: PagedMemory;
}

/**
 * The loop that the next instruction of a vCPU belongs to: the instructions of its function that it can come from and go
 * to again. Undefined when there is none, when it has a call, or when it is long.
 */
export function* loopAt(registers: Registers, { flows, memory }: LoopReader): Reading<CodeLoop | undefined> {
  const { rip } = registers;
  const code = yield* flows.codeAt(rip);
  const loop = code === undefined ? [] : cycleOf(code, rip);
  if (loop.length === 0 || loop.length > MOST_INSTRUCTIONS) return undefined;
  if (loop.some(({ kind }) => kind === 'call' || kind === 'call-indirect')) return undefined;
  const inside = new Set(loop.map(({ address }) => address));
  const closed = loop.every((one) => nextOf(one).every((next) => inside.has(next)));
  const written = new Set<string>();
  const counted = new Set<string>();
  const reads = new Map<bigint, number>();
  let readsElsewhere = false;
  let sees: string | undefined;
  const decoded: { readonly bytes: Uint8Array; readonly at: FunctionInstruction }[] = [];
  for (const at of loop) {
    const bytes = yield* memory.bytes(at.address, at.length);
    if (bytes === undefined) return undefined;
    decoded.push({ bytes, at });
    for (const operation of operationsAt({ bytes, address: at.address }, [0])[0] ?? []) {
      if (operation.op === 'add') counted.add(operation.to);
      if ('to' in operation && typeof operation.to === 'string') written.add(operation.to);
      if (operation.op === 'clobber') for (const one of operation.registers) written.add(one);
    }
  }
  for (const { bytes, at } of decoded) {
    const effects = effectsOf(bytes, { ...registers, rip: at.address });
    if (effects === undefined) return undefined;
    if (effects.outside !== undefined) sees ??= effects.outside.why;
    // Addresses that the loop computes itself differ from those that the registers of the stop give.
    const other = effectsOf(bytes, { ...registers, ...movedOf(written, registers), rip: at.address });
    effects.reads.forEach(({ address, length }, index) => {
      if (other?.reads[index]?.address === address) reads.set(address, length);
      else readsElsewhere = true;
    });
  }
  const seen: { address: bigint; length: number; bytes: Uint8Array | undefined }[] = [];
  for (const [address, length] of reads)
    seen.push({ address, length, bytes: yield* memory.bytes(address, length) });
  if (!closed && counted.size > 0) sees ??= `counts in ${[...counted].join(', ')}`;
  return { instructions: loop.length, closed, reads: seen, readsElsewhere, sees };
}

/** The registers that a loop writes, with other values. */
function movedOf(written: ReadonlySet<string>, registers: Registers): Partial<Registers> {
  const moved = Object.entries(registers).filter(([name]) => written.has(name));
  return Object.fromEntries(moved.map(([name, value]) => [name, value ^ 0x40n]));
}

function nextOf({ address, length, kind, target }: FunctionInstruction): readonly bigint[] {
  const following = address + BigInt(length);
  switch (kind) {
    case 'jump':
      return target === undefined ? [] : [target];
    case 'conditional-jump':
      return target === undefined ? [following] : [target, following];
    case 'return':
    case 'jump-indirect':
      // Somewhere else.
      return [-1n];
    case 'call':
    case 'call-indirect':
    case 'trap':
    case 'other':
      return [following];
  }
}

/** Instructions that lead to an address and come from it, itself included; empty when it is in no cycle. */
function cycleOf({ instructions }: FunctionCode, address: bigint): readonly FunctionInstruction[] {
  const at = new Map(instructions.map((one) => [one.address, one] as const));
  const forward = reachable([address], (from) => {
    const one = at.get(from);
    return one === undefined ? [] : nextOf(one);
  });
  const before = new Map<bigint, bigint[]>();
  for (const one of instructions)
    for (const next of nextOf(one)) before.set(next, [...(before.get(next) ?? []), one.address]);
  const backward = reachable([address], (from) => before.get(from) ?? []);
  return instructions.filter((one) => forward.has(one.address) && backward.has(one.address));
}

/** Addresses that one or more steps lead to. */
function reachable(from: readonly bigint[], next: (address: bigint) => readonly bigint[]): Set<bigint> {
  const seen = new Set<bigint>();
  const work = from.flatMap((one) => next(one));
  for (let one = work.pop(); one !== undefined; one = work.pop()) {
    if (seen.has(one)) continue;
    seen.add(one);
    work.push(...next(one));
  }
  return seen;
}
