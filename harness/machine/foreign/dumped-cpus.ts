import type { DumpedCpu } from '../../autopsy/autopsy.js';
import type { Armed } from '../../model/event.js';
import { type DumpedRegisters, type PageTables } from '../../symbols/index.js';
import { placeOf } from '../../timeline/vcpus.js';
import { REGISTER_NAMES } from '../../qemu/gdbstub/index.js';
import type { Registers } from '../debugger.js';
import { completed } from './registers.js';

const INTERRUPT_FLAG = 0x200n;
const CR0_PROTECTED = 1n;
const CR0_PAGING = 1n << 31n;
const CR4_LA57 = 1n << 12n;
const CR3_ADDRESS = 0x000f_ffff_ffff_f000n;

/** Whether a dump has the control registers of its CPUs, which only QEMU writes. */
export function hasControls(cpus: readonly DumpedRegisters[]): boolean {
  return cpus.some((cpu) => cpu['cr3'] !== undefined);
}

/**
 * The registers of the CPUs of a dump. A kernel's own dump has no control registers: its CPUs are read by the kernel's
 * page tables, `kernel`.
 */
export function dumpedRegisters(
  cpus: readonly DumpedRegisters[],
  kernel: PageTables | undefined,
): Map<number, Registers> {
  const made: DumpedRegisters =
    kernel === undefined
      ? {}
      : { cr0: CR0_PROTECTED | CR0_PAGING, cr3: kernel.root, cr4: kernel.levels === 5 ? CR4_LA57 : 0n };
  return new Map(
    cpus.map((cpu, index) => [index, completed(cpu['cr3'] === undefined ? { ...cpu, ...made } : cpu)]),
  );
}

/** Registers that a dump does not have. */
export function unknownIn(cpus: readonly DumpedRegisters[]): ReadonlySet<string> {
  return new Set(REGISTER_NAMES.filter((name) => cpus.every((cpu) => cpu[name] === undefined)));
}

/** Where the CPUs of a dump are, as far as their registers tell. */
export function dumpedCpus(registers: ReadonlyMap<number, Registers>, armed: Armed | undefined): DumpedCpu[] {
  return [...registers].map(([index, { rip, rflags, cs, cr0, cr3 }]) => {
    const cpl = Number(cs & 3n);
    // Without paging no 64-bit code runs; a CPU that was never started is in real mode.
    const width = (cr0 & CR0_PAGING) === 0n ? 32 : 64;
    const execution = { width, ip: rip, flags: Number(rflags & 0xffff_ffffn), cpl, halted: false } as const;
    return {
      index,
      rip: rip.toString(16),
      halted: false,
      interruptsOn: (rflags & INTERRUPT_FLAG) !== 0n,
      place: placeOf({ execution, cr0, cr3: cr3 & CR3_ADDRESS, armed }),
      cpl,
    };
  });
}
