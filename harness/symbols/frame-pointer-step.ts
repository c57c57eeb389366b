import type { FunctionFlows } from './function-flows.js';
import type { PagedMemory, Reading } from './guest-memory.js';
import type { Cursor, Step } from './orc-step.js';
import { PT_REGS_BYTES, readPtRegs } from './pt-regs.js';
import type { ReturnAddressCheck } from './return-address.js';

/** Largest frame of one function: the kernel warns at 2 KiB (CONFIG_FRAME_WARN), stacks have 16 KiB. */
const MAX_FRAME_BYTES = 16n * 1024n;
/** Stacks of tasks and of interrupts are 16 KiB, aligned (arch/x86/include/asm/page_64_types.h, v6.1, without KASAN). */
const STACK_BITS = 14n;

/** What a step along frame pointers asks of the machine. */
export interface FrameReader {
  readonly check: ReturnAddressCheck;
  readonly flows: FunctionFlows;
  readonly memory: PagedMemory;
}

/**
 * One step along saved frame pointers (CONFIG_UNWINDER_FRAME_POINTER). Entry code stores the address of saved registers
 * with the lowest bit set as the frame pointer (ENCODE_FRAME_POINTER, arch/x86/include/asm/frame.h). In the first frame
 * the function may not have set up its frame yet, or have none: its code shows where the return address is.
 */
export function* framePointerStep({ check, flows, memory }: FrameReader, cursor: Cursor): Reading<Step> {
  if ((cursor.bp & 1n) === 1n) return yield* overSavedRegisters(memory, cursor.bp - 1n);
  const pushed = cursor.interrupted ? yield* bytesPushed(flows, cursor.ip) : undefined;
  if (pushed !== undefined) {
    const ip = yield* memory.word(cursor.sp + pushed);
    if (ip === undefined) return { kind: 'lost', why: 'the top of the stack is not readable' };
    const caller = { ip, sp: cursor.sp + pushed + 8n, bp: cursor.bp, interrupted: false };
    const step = yield* checked(check, caller);
    if (step.kind !== 'frame') return step;
    // In a kernel without frame pointers RBP is any number.
    if (cursor.bp === 0n) return { kind: 'lost', why: 'the frame pointer is zero' };
    const next = yield* framePointerStep({ check, flows, memory }, caller);
    return next.kind === 'lost' ? next : step;
  }
  // A zero ends a chain of frames; before the first one it is only a register that happens to be zero.
  if (cursor.bp === 0n) {
    return cursor.interrupted ? { kind: 'lost', why: 'the frame pointer is zero' } : { kind: 'end-of-stack' };
  }
  // The caller of an interrupt's handler is on the stack that was interrupted, and its frame pointer there.
  const isOther = !cursor.interrupted && cursor.bp >> STACK_BITS !== cursor.sp >> STACK_BITS;
  if (!isOther && (cursor.bp < cursor.sp || cursor.bp - cursor.sp > MAX_FRAME_BYTES)) {
    return { kind: 'lost', why: `frame pointer 0x${cursor.bp.toString(16)} does not point into this stack` };
  }
  const bp = yield* memory.word(cursor.bp);
  const ip = yield* memory.word(cursor.bp + 8n);
  if (bp === undefined || ip === undefined) return { kind: 'lost', why: 'the saved frame is not readable' };
  // The outermost frame: head code and copy_thread() leave zeroes there.
  if (ip === 0n) return { kind: 'end-of-stack' };
  return yield* checked(check, { ip, sp: cursor.bp + 16n, bp, interrupted: false });
}

function* checked(check: ReturnAddressCheck, cursor: Cursor): Reading<Step> {
  if ((yield* check.callBefore(cursor.ip)) !== undefined) return { kind: 'frame', cursor };
  return { kind: 'lost', why: `0x${cursor.ip.toString(16)} does not follow a call` };
}

function* overSavedRegisters(memory: PagedMemory, address: bigint): Reading<Step> {
  const bytes = yield* memory.bytes(address, PT_REGS_BYTES);
  if (bytes === undefined) return { kind: 'lost', why: 'saved registers are not readable' };
  const saved = readPtRegs(bytes);
  if (saved.userMode) return { kind: 'user-mode' };
  return {
    kind: 'frame',
    cursor: { ip: saved.rip, sp: saved.rsp, bp: saved.rbp, interrupted: true, registers: saved },
  };
}

/**
 * Bytes between the stack pointer and the return address at an instruction where RBP is still the caller's: before the
 * frame exists, and all through a function that has none. Undefined elsewhere, and where the code does not show it.
 */
function* bytesPushed(flows: FunctionFlows, ip: bigint): Reading<bigint | undefined> {
  const values = (yield* flows.at(ip))?.before(ip)?.values;
  const [rsp, rbp] = [values?.get('rsp'), values?.get('rbp')];
  if (rsp?.origin !== 'in:rsp' || rbp?.origin !== 'in:rbp' || rbp.offset !== 0n) return undefined;
  return rsp.offset > 0n ? undefined : -rsp.offset;
}
