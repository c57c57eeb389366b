import type { Registers } from '../../qemu/gdbstub/index.js';

/** A vCPU's registers as the gdbstub shows them, all zero. */
export const ZERO_REGISTERS: Registers = {
  ...{ rax: 0n, rbx: 0n, rcx: 0n, rdx: 0n, rsi: 0n, rdi: 0n, rbp: 0n, rsp: 0n },
  ...{ r8: 0n, r9: 0n, r10: 0n, r11: 0n, r12: 0n, r13: 0n, r14: 0n, r15: 0n },
  ...{ rip: 0n, rflags: 0n, cs: 0n, ss: 0n, ds: 0n, es: 0n, fs: 0n, gs: 0n },
  ...{ fs_base: 0n, gs_base: 0n, k_gs_base: 0n, cr0: 0n, cr2: 0n, cr3: 0n, cr4: 0n, cr8: 0n },
  ...{ efer: 0n },
};

/** A vCPU in 64-bit kernel mode, paging on, whose registers are zero except the given ones. */
export function madeRegisters(given: Partial<Registers> = {}): Registers {
  return { ...ZERO_REGISTERS, cs: 0x10n, cr0: 0x80050033n, ...given };
}
