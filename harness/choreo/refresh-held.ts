import type { VcpuRegisters } from '../hmp/registers.js';
import type { Debugger } from '../machine/debugger.js';
import { GdbStateError, GdbTimeoutError } from '../qemu/gdbstub/index.js';

const INTERRUPT_FLAG = 0x200n;
const REFRESH_MS = 2_000;

/**
 * Has QEMU read a held vCPU anew, for its local APIC: under KVM its text is as old as the vCPU's stop, so that a vector
 * that a source sent later is never shown (measured on QEMU 7.2: 0 of 60; all were delivered on resume). A vCPU that
 * takes interrupts would take what is pending, and one in `hlt` does not come back: both are shown as they stopped.
 * `registers`: those of all vCPUs.
 */
export async function refreshHeld(
  vcpu: number,
  {
    gdb,
    registers,
  }: {
    readonly gdb: Pick<Debugger, 'readRegisters' | 'reenter'>;
    readonly registers: readonly VcpuRegisters[];
  },
): Promise<void> {
  const { rflags } = await gdb.readRegisters(vcpu);
  const halted = registers.find(({ index }) => index === vcpu)?.execution?.halted;
  if ((rflags & INTERRUPT_FLAG) !== 0n || halted !== false) return;
  try {
    await gdb.reenter(vcpu, { deadlineMs: REFRESH_MS });
  } catch (error) {
    // All debug registers are in use, or it did not come back: what is shown is that of the stop.
    if (!(error instanceof GdbStateError || error instanceof GdbTimeoutError)) throw error;
  }
}
