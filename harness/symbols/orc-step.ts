import type { PagedMemory, Reading } from './guest-memory.js';
import { findOrcEntry, type OrcEntry, type OrcTables } from './orc.js';
import { IRET_FRAME_BYTES, PT_REGS_BYTES, readIretFrame, readPtRegs, type WalkRegisters } from './pt-regs.js';

/** The position of a stack walk. */
export interface Cursor {
  readonly ip: bigint;
  readonly sp: bigint;
  readonly bp: bigint;
  /** The ip was interrupted there; otherwise it is a return address, one past the call. */
  readonly interrupted: boolean;
  /** All registers at that point, when they are known: at the start, and where an interrupt saved them. */
  readonly registers?: WalkRegisters;
}

/** Stacks of tasks and of interrupts are 16 KiB (arch/x86/include/asm/page_64_types.h, without KASAN). */
const STACK_BYTES = 16n * 1024n;

/** One step to the caller, or the reason why there is none. */
export type Step =
  | { readonly kind: 'frame'; readonly cursor: Cursor }
  | { readonly kind: 'end-of-stack' }
  | { readonly kind: 'user-mode' }
  | { readonly kind: 'lost'; readonly why: string };

/**
 * One step of the kernel's ORC unwinder: the semantics of unwind_next_frame() in arch/x86/kernel/unwind_orc.c.
 * `sp-indirect` adds its offset after the load, as kernels since v5.12 do; for 5.10 and before, walks through a stack
 * switch are wrong. Return addresses that ftrace and rethook replaced are not looked up.
 */
export function* orcStep(tables: OrcTables, memory: PagedMemory, cursor: Cursor): Reading<Step> {
  // A return address may be the first byte of the next function: the call never returns.
  const entry = yield* findOrcEntry(tables, memory, cursor.interrupted ? cursor.ip : cursor.ip - 1n);
  if (entry === undefined) return lost(`no ORC entry for 0x${cursor.ip.toString(16)}`);
  if (entry.kind === 'end-of-stack') return { kind: 'end-of-stack' };
  if (entry.kind === 'undefined') return lost(`ORC says nothing about 0x${cursor.ip.toString(16)}`);
  const frame = yield* frameEnd(entry, memory, cursor);
  if (frame === undefined) return lost(`${entry.spRegister} is not known or not readable`);
  switch (entry.kind) {
    case 'call':
      return yield* overCall(entry, memory, cursor, frame);
    case 'regs':
      return yield* overRegs(entry, memory, frame);
    case 'regs-partial':
      return yield* overIretFrame(entry, memory, cursor, frame);
  }
}

/** The stack pointer before the function was entered, or where an interrupt saved the registers. */
function* frameEnd(entry: OrcEntry, memory: PagedMemory, cursor: Cursor): Reading<bigint | undefined> {
  const offset = BigInt(entry.spOffset);
  switch (entry.spRegister) {
    case 'sp':
      return cursor.sp + offset;
    case 'bp':
      return cursor.bp + offset;
    case 'sp-indirect': {
      const loaded = yield* memory.word(cursor.sp);
      return loaded === undefined ? undefined : loaded + offset;
    }
    case 'bp-indirect':
      return yield* memory.word(cursor.bp + offset);
    case 'r10':
      return cursor.registers?.r10;
    case 'r13':
      return cursor.registers?.r13;
    case 'di':
      return cursor.registers?.rdi;
    case 'dx':
      return cursor.registers?.rdx;
    case 'undefined':
    case 'previous-sp':
      return undefined;
  }
}

function* overCall(entry: OrcEntry, memory: PagedMemory, cursor: Cursor, frame: bigint): Reading<Step> {
  const indirect = entry.spRegister === 'sp-indirect' || entry.spRegister === 'bp-indirect';
  if (!indirect && frame <= cursor.sp && isSameStack(frame, cursor.sp))
    return lost('the stack goes in the wrong direction');
  const ip = yield* memory.word(frame - 8n);
  if (ip === undefined) return lost(`stack at 0x${(frame - 8n).toString(16)} is not readable`);
  const bp = yield* callerBp(entry, memory, cursor.bp, frame);
  if (bp === undefined) return lost('the saved frame pointer is not readable');
  return { kind: 'frame', cursor: { ip, sp: frame, bp, interrupted: false } };
}

/** Interrupts switch to a stack of their own (v5.10: with a frame pointer, asm_call_on_stack), anywhere in memory. */
function isSameStack(one: bigint, other: bigint): boolean {
  const distance = one > other ? one - other : other - one;
  return distance < STACK_BYTES;
}

function* overRegs(entry: OrcEntry, memory: PagedMemory, frame: bigint): Reading<Step> {
  const bytes = yield* memory.bytes(frame, PT_REGS_BYTES);
  if (bytes === undefined) return lost(`saved registers at 0x${frame.toString(16)} are not readable`);
  const saved = readPtRegs(bytes);
  if (saved.userMode) return { kind: 'user-mode' };
  const bp = yield* callerBp(entry, memory, saved.rbp, frame);
  if (bp === undefined) return lost('the saved frame pointer is not readable');
  return { kind: 'frame', cursor: { ip: saved.rip, sp: saved.rsp, bp, interrupted: true, registers: saved } };
}

function* overIretFrame(entry: OrcEntry, memory: PagedMemory, cursor: Cursor, frame: bigint): Reading<Step> {
  const bytes = yield* memory.bytes(frame, IRET_FRAME_BYTES);
  if (bytes === undefined) return lost(`interrupt frame at 0x${frame.toString(16)} is not readable`);
  const saved = readIretFrame(bytes);
  if (saved.userMode) return { kind: 'user-mode' };
  const bp = yield* callerBp(entry, memory, cursor.bp, frame);
  if (bp === undefined) return lost('the saved frame pointer is not readable');
  return { kind: 'frame', cursor: { ip: saved.rip, sp: saved.rsp, bp, interrupted: true } };
}

function* callerBp(
  entry: OrcEntry,
  memory: PagedMemory,
  bp: bigint,
  frame: bigint,
): Reading<bigint | undefined> {
  if (entry.bpRegister === 'previous-sp') return yield* memory.word(frame + BigInt(entry.bpOffset));
  if (entry.bpRegister === 'bp') return yield* memory.word(bp + BigInt(entry.bpOffset));
  return bp;
}

function lost(why: string): Step {
  return { kind: 'lost', why };
}
