import type { Registers } from '../machine/debugger.js';
import type { Access } from './instruction-effects.js';

/** RFLAGS.RF: the CPU clears it after each instruction (Intel SDM volume 3, 2.3); a debugger's step may show it set. */
const RESUME_FLAG = 1n << 16n;
/** What the last visit to an address shows. */
export type Visit =
  | { readonly kind: 'new' }
  /** All registers are equal to those of an earlier step, which has this number. */
  | { readonly kind: 'same-registers'; readonly step: number }
  /** The address was visited often, and the registers were never the same. */
  | { readonly kind: 'counts' };

/** A store: the bytes as they were before it. */
export interface Store extends Access {
  readonly before: Uint8Array;
}

/** The steps of one vCPU so far. */
export interface LoopTrace {
  /** Number of steps executed. */
  readonly steps: number;
  /** The registers before the next step. */
  visit(registers: Registers): Visit;
  /** The next step: what it is about to read, and what it is about to overwrite. */
  step(step: TracedStep): void;
  /** The steps from a number on: the loop, when it recurs. */
  since(step: number): readonly TracedStep[];
  /**
   * Memory that was stored to since a step, and what it held at that step, byte by byte: the vCPU's state recurs when
   * the registers and all of these bytes are equal again.
   */
  heldBefore(step: number): ReadonlyMap<bigint, number>;
  /** The loop would end where it began, but it stored something else each time. */
  storedAnew: boolean;
}

export interface TracedStep {
  readonly address: bigint;
  readonly text: string;
  readonly reads: readonly Access[];
  readonly stores: readonly Store[];
}

/** A trace without steps. The same address `mostVisits` times, each time with other registers, is counting. */
export function createLoopTrace(mostVisits: number): LoopTrace {
  const states = new Map<string, number>();
  const visits = new Map<bigint, number>();
  const taken: TracedStep[] = [];
  return {
    get steps() {
      return taken.length;
    },
    storedAnew: false,
    visit(registers) {
      const state = stateOf(registers);
      const earlier = states.get(state);
      states.set(state, taken.length);
      if (earlier !== undefined) return { kind: 'same-registers', step: earlier };
      const count = (visits.get(registers.rip) ?? 0) + 1;
      visits.set(registers.rip, count);
      return count > mostVisits ? { kind: 'counts' } : { kind: 'new' };
    },
    step(step) {
      taken.push(step);
    },
    since: (step) => taken.slice(step),
    heldBefore(step) {
      const held = new Map<bigint, number>();
      for (const { stores } of taken.slice(step)) {
        for (const { address, before } of stores) {
          for (const [index, byte] of before.entries()) {
            const at = address + BigInt(index);
            if (!held.has(at)) held.set(at, byte);
          }
        }
      }
      return held;
    },
  };
}

/** Whether all registers are equal, as far as they are a vCPU's state. */
export function isSameState(one: Registers, other: Registers): boolean {
  return stateOf(one) === stateOf(other);
}

function stateOf(registers: Registers): string {
  return Object.entries({ ...registers, rflags: registers.rflags & ~RESUME_FLAG })
    .map(([name, value]) => `${name}=${value.toString(36)}`)
    .join(' ');
}

/** Runs of bytes as accesses, in order of address. */
export function rangesOf(addresses: Iterable<bigint>): Access[] {
  const sorted = [...new Set(addresses)].sort((one, other) => (one < other ? -1 : 1));
  const ranges: { address: bigint; length: number }[] = [];
  for (const address of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last.address + BigInt(last.length) === address) last.length += 1;
    else ranges.push({ address, length: 1 });
  }
  return ranges;
}

/** Bytes around RSP that are the stack (THREAD_SIZE, arch/x86/include/asm/page_64_types.h, v6.1). */
const STACK_BYTES = 16_384n;

/** Whether an access lies on the stack that RSP points to. */
export function isOnStack({ address }: Access, rsp: bigint): boolean {
  const distance = address - rsp;
  return distance > -STACK_BYTES && distance < STACK_BYTES;
}

/**
 * The memory that a round of a loop reads, except what the round itself has put on its own stack before (return addresses,
 * saved registers): the rest is what another vCPU or a device would have to change to end it.
 */
export function readFromOutside(loop: readonly TracedStep[], rsp: bigint): Access[] {
  const pushed = new Set<bigint>();
  const read = new Map<string, Access>();
  for (const { reads, stores } of loop) {
    for (const access of reads) {
      if (!bytesOf(access).every((at) => pushed.has(at))) {
        read.set(`${access.address} ${access.length}`, access);
      }
    }
    for (const store of stores) {
      if (isOnStack(store, rsp)) for (const at of bytesOf(store)) pushed.add(at);
    }
  }
  return [...read.values()];
}

/** The addresses of an access. */
export function bytesOf({ address, length }: Access): bigint[] {
  return Array.from({ length }, (_, index) => address + BigInt(index));
}

/** Whether two accesses share a byte. */
export function overlap(one: Access, other: Access): boolean {
  return (
    one.address < other.address + BigInt(other.length) && other.address < one.address + BigInt(one.length)
  );
}
