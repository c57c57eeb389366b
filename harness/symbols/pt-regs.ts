import { wordAt } from './guest-memory.js';
import type { General } from './operations.js';

/** The registers of a vCPU that a walk uses. All but the first three are needed only in entry code, and for values. */
export interface WalkRegisters extends Readonly<Partial<Record<General, bigint>>> {
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly rbp: bigint;
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

/** The general registers of `struct pt_regs` in order, from its first word. */
export const PT_REGS_GENERAL: readonly General[] = [
  'r15',
  'r14',
  'r13',
  'r12',
  'rbp',
  'rbx',
  'r11',
  'r10',
  'r9',
  'r8',
  'rax',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
];

/** Reads a whole `struct pt_regs`. */
export function readPtRegs(bytes: Uint8Array): SavedRegisters {
  const saved = Object.fromEntries(PT_REGS_GENERAL.map((name, index) => [name, wordAt(bytes, index * 8)]));
  return {
    ...saved,
    rbp: wordAt(bytes, PT_REGS_GENERAL.indexOf('rbp') * 8),
    ...readIretFrame(bytes.subarray(IRET_FRAME_OFFSET)),
  };
}

/** Reads the CPU's five words alone. */
export function readIretFrame(bytes: Uint8Array): Omit<SavedRegisters, 'rbp'> {
  return { rip: wordAt(bytes, 0), userMode: (wordAt(bytes, 8) & 3n) !== 0n, rsp: wordAt(bytes, 24) };
}
