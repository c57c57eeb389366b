import { findMatchingCaller, STACK_BYTES } from './call-match.js';
import { functionFlows } from './function-flows.js';
import { framePointerStep } from './frame-pointer-step.js';
import { type PagedMemory, pagedMemory, type Reading } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';
import { type Cursor, orcStep, type Step } from './orc-step.js';
import { findOrcTables } from './orc.js';
import { nameSymbol, type SymbolizedAddress } from './symbolize.js';
import type { WalkRegisters } from './pt-regs.js';
import { type ReturnAddressCheck, returnAddressCheck } from './return-address.js';

/**
 * How a frame was found: the vCPU's registers, ORC tables, frame pointers, the only word on the stack that follows a
 * call to the function below it (where ORC has no data), or any word that follows a call, possibly stale.
 */
export type FrameSource = 'registers' | 'orc' | 'frame-pointer' | 'call-match' | 'scan';

/** One line of a backtrace. */
export interface StackFrame {
  readonly address: bigint;
  /** `symbol+0xoffset/0xsize [module]`, with `? ` in front when not reliable, as the kernel prints it. */
  readonly label: string;
  readonly symbolized?: SymbolizedAddress;
  readonly source: FrameSource;
  /** False for a word found by scanning: it follows a call, but may be left over from an earlier one. */
  readonly reliable: boolean;
  /** An interrupt or exception hit here; otherwise the address is where a call returns to. */
  readonly interrupted: boolean;
  /** The stack pointer at `address`; absent for a word found by scanning. */
  readonly sp?: bigint;
  /** All general registers at `address`, where they are known: of the vCPU, or saved by an interrupt. */
  readonly registers?: WalkRegisters;
}

/** A backtrace, innermost frame first. `complete` means that the bottom of the stack or user space was reached. */
export interface StackTrace {
  readonly frames: readonly StackFrame[];
  readonly unwinder: 'orc' | 'frame-pointer' | 'none';
  readonly complete: boolean;
  /** Why the reliable part ended where it did. */
  readonly ended: string;
}

/** Frames of one walk; the kernel's own dumps end long before. */
const MAX_FRAMES = 128;
/**
 * The outermost functions of idle tasks. What called rest_init() is freed after boot, and start_secondary() is not called
 * but returned to (init/main.c, arch/x86/kernel/head_64.S, v6.1).
 */
const BOTTOM = /^(?:rest_init|start_secondary)$/;
/** Frames that a scan lists at most. */
const MAX_SCANNED_FRAMES = 32;

/**
 * Walks the stack of a stopped vCPU in kernel mode. With ORC tables in memory it does what the kernel's unwinder does;
 * without, it follows frame pointers. Where that fails, it scans the rest of that stack for return addresses and marks
 * them. `finishReading` and `finishReadingAsync` supply the memory.
 */
export function* walkStack(
  registers: WalkRegisters,
  table: SymbolTable,
  memory: PagedMemory = pagedMemory(),
): Reading<StackTrace> {
  const check = returnAddressCheck(table, memory);
  const flows = functionFlows(table, { memory, effectOf: () => 'none' });
  const tables = yield* findOrcTables(table, memory);
  const unwinder = tables === undefined ? 'frame-pointer' : 'orc';
  let source: FrameSource = unwinder;
  const frames: StackFrame[] = [];
  const seen = new Set<string>();
  let cursor: Cursor = {
    ip: registers.rip,
    sp: registers.rsp,
    bp: registers.rbp,
    interrupted: true,
    registers,
  };
  let step: Step = { kind: 'frame', cursor };
  while (step.kind === 'frame') {
    cursor = step.cursor;
    const key = `${cursor.ip}:${cursor.sp}`;
    if (seen.has(key) || frames.length >= MAX_FRAMES) {
      step = {
        kind: 'lost',
        why: seen.has(key) ? 'the walk reached a frame twice' : 'too many frames',
      };
      break;
    }
    seen.add(key);
    frames.push(frameAt(table, cursor, frames.length === 0 ? 'registers' : source));
    source = unwinder;
    if (tables === undefined) {
      step = yield* framePointerStep({ check, flows, memory }, cursor);
      continue;
    }
    step = yield* orcStep(tables, memory, cursor);
    if (step.kind !== 'lost') continue;
    const caller = yield* findMatchingCaller(table, memory, check, cursor);
    if (caller === undefined) continue;
    step = { kind: 'frame', cursor: caller };
    source = 'call-match';
  }
  if (step.kind === 'lost' && BOTTOM.test(table.at(cursor.ip - 1n)?.symbol.name ?? ''))
    step = { kind: 'end-of-stack' };
  if (step.kind !== 'lost') {
    return { frames, unwinder, complete: true, ended: step.kind };
  }
  const scanned = yield* scanStack(table, memory, check, cursor.sp);
  const followed = tables !== undefined || frames.length > 1;
  return {
    frames: [...frames, ...scanned],
    unwinder: followed ? unwinder : 'none',
    complete: false,
    ended: step.why,
  };
}

/** The functions of a trace, innermost first, for text of the form `a < b < c`. */
export function functionsOf(trace: StackTrace): readonly string[] {
  return trace.frames.map(({ symbolized, label, reliable }) => {
    const name = symbolized?.symbol.name ?? label;
    return reliable || symbolized === undefined ? name : `? ${name}`;
  });
}

function* scanStack(
  table: SymbolTable,
  memory: PagedMemory,
  check: ReturnAddressCheck,
  from: bigint,
): Reading<readonly StackFrame[]> {
  const frames: StackFrame[] = [];
  const start = (from + 7n) & ~7n;
  const end = (start | (STACK_BYTES - 1n)) + 1n;
  for (let at = start; at < end && frames.length < MAX_SCANNED_FRAMES; at += 8n) {
    const word = yield* memory.word(at);
    // Pages beyond the first that cannot be read belong to no stack.
    if (word === undefined) break;
    if ((yield* check.callBefore(word)) === undefined) continue;
    frames.push(frameAt(table, { ip: word, sp: at + 8n, bp: 0n, interrupted: false }, 'scan'));
  }
  return frames;
}

function frameAt(
  table: SymbolTable,
  { ip, sp, interrupted, registers }: Cursor,
  source: FrameSource,
): StackFrame {
  // A return address is looked up by the call before it, which may be the last instruction of its function.
  const before = table.at(interrupted ? ip : ip - 1n);
  // Nothing calls from the padding before a function: a choreography has entered another function at its first byte.
  const isPadding = before !== undefined && before.symbol.name.startsWith('__pfx_');
  const found = isPadding ? table.at(ip) : before;
  const symbolized =
    found === undefined || interrupted || isPadding ? found : { ...found, offset: found.offset + 1 };
  const reliable = source !== 'scan';
  const label = `${reliable ? '' : '? '}${nameSymbol(symbolized, ip)}`;
  return {
    address: ip,
    label,
    ...(symbolized && { symbolized }),
    source,
    reliable,
    interrupted,
    ...(reliable && { sp }),
    ...(registers && { registers }),
  };
}
