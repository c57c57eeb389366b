import { wordAt } from './guest-memory.js';

/** The registers of a vCPU that a walk uses. All but the first three are needed only in entry code. */
export interface WalkRegisters {
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly rbp: bigint;
  readonly rdi?: bigint;
  readonly rdx?: bigint;
  readonly r10?: bigint;
  readonly r13?: bigint;
}

/** Registers that an interrupt or exception saved on the stack. */
export interface SavedRegisters extends WalkRegisters {
  /** It interrupted user space: the two low bits of CS are the privilege level. */
  readonly userMode: boolean;
}

/** `struct pt_regs` of x86-64 (arch/x86/include/asm/ptrace.h): 21 words, of which the last five are the CPU's. */
export const PT_REGS_BYTES = 168;
/** Bytes before the five words that the CPU itself pushes (rip, cs, rflags, rsp, ss). */
export const IRET_FRAME_OFFSET = 128;
export const IRET_FRAME_BYTES = 40;

/** Reads a whole `struct pt_regs`. */
export function readPtRegs(bytes: Uint8Array): SavedRegisters {
  return {
    ...readIretFrame(bytes.subarray(IRET_FRAME_OFFSET)),
    r13: wordAt(bytes, 16),
    rbp: wordAt(bytes, 32),
    r10: wordAt(bytes, 56),
    rdx: wordAt(bytes, 96),
    rdi: wordAt(bytes, 112),
  };
}

/** Reads the CPU's five words alone. */
export function readIretFrame(bytes: Uint8Array): Omit<SavedRegisters, 'rbp'> {
  return { rip: wordAt(bytes, 0), userMode: (wordAt(bytes, 8) & 3n) !== 0n, rsp: wordAt(bytes, 24) };
}
