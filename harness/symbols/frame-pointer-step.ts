import type { PagedMemory, Reading } from './guest-memory.js';
import type { Cursor, Step } from './orc-step.js';
import { PT_REGS_BYTES, readPtRegs } from './pt-regs.js';
import type { ReturnAddressCheck } from './return-address.js';

/** Largest frame of one function: the kernel warns at 2 KiB (CONFIG_FRAME_WARN), stacks have 16 KiB. */
const MAX_FRAME_BYTES = 16n * 1024n;

/**
 * One step along saved frame pointers (CONFIG_UNWINDER_FRAME_POINTER). Entry code stores the address of saved registers
 * with the lowest bit set as the frame pointer (ENCODE_FRAME_POINTER, arch/x86/include/asm/frame.h). In the first frame
 * the function may not have set up its frame yet: then the return address is on top.
 */
export function* framePointerStep(
  check: ReturnAddressCheck,
  memory: PagedMemory,
  cursor: Cursor,
): Reading<Step> {
  if ((cursor.bp & 1n) === 1n) return yield* overSavedRegisters(memory, cursor.bp - 1n);
  const pushed = cursor.interrupted ? yield* bytesPushed(check, cursor.ip) : undefined;
  if (pushed !== undefined) {
    const ip = yield* memory.word(cursor.sp + BigInt(pushed));
    if (ip === undefined) return { kind: 'lost', why: 'the top of the stack is not readable' };
    return yield* checked(check, {
      ip,
      sp: cursor.sp + BigInt(pushed) + 8n,
      bp: cursor.bp,
      interrupted: false,
    });
  }
  // A zero ends a chain of frames; before the first one it is only a register that happens to be zero.
  if (cursor.bp === 0n) {
    return cursor.interrupted ? { kind: 'lost', why: 'the frame pointer is zero' } : { kind: 'end-of-stack' };
  }
  if (cursor.bp < cursor.sp || cursor.bp - cursor.sp > MAX_FRAME_BYTES) {
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
 * Bytes above the return address at an instruction before the frame exists: 0 up to and at `push %rbp`, 8 between it
 * and `mov %rsp,%rbp`; undefined afterwards, and in a function without that prologue.
 */
function* bytesPushed(check: ReturnAddressCheck, ip: bigint): Reading<number | undefined> {
  const code = yield* check.codeAround(ip);
  if (code === undefined) return undefined;
  const push = code.instructions.find((instruction) => instruction.address === code.entry.bodyAddress);
  if (push?.length !== 1) return undefined;
  if (ip <= push.address) return 0;
  return ip === push.address + 1n ? 8 : undefined;
}
