import type { Debugger } from '../../machine/debugger.js';
import { GdbRemoteError } from '../../qemu/gdbstub/index.js';
import { madeRegisters } from '../builders/registers.js';
import type { MadeVcpu } from '../builders/runs.js';

/** A debugger on vCPUs that do not move when they are stepped. */
export interface StillDebugger {
  readonly gdb: Debugger;
  /** What was done, in order: `interrupt`, `step 0`, `continue` (all), `continue 0`. */
  readonly did: string[];
}

/** All memory holds `code` (hexadecimal) and nops; page tables map everything 1:1 as pages of 1 GiB. There is no HPET. */
export function stillDebugger(vcpus: readonly MadeVcpu[], code = 'ebfe'): StillDebugger {
  const did: string[] = [];
  const unused = () => Promise.reject(new Error('an examination does not do that'));
  const gdb: Debugger = {
    vcpus: vcpus.map((_, index) => index),
    readRegisters: async (vcpu) => {
      const made = vcpus[vcpu];
      return madeRegisters({ rip: made?.rip ?? 0n, rflags: made?.interrupts === true ? 0x246n : 0x46n });
    },
    readMemory: async (_address, length) =>
      Buffer.from(code.padEnd(2 * length, '90'), 'hex').subarray(0, length),
    readPhysicalMemory: async (address, length) => {
      if (address === 0xfed00000n) throw new GdbRemoteError('read', 'm', 0x14, 'no HPET');
      const entry = Buffer.alloc(length);
      entry.writeUInt32LE(0x83);
      return entry;
    },
    step: async (vcpu) => {
      did.push(`step ${vcpu}`);
      return { vcpu, reason: { kind: 'trap' } };
    },
    interrupt: async () => {
      did.push('interrupt');
      return undefined;
    },
    continueAll: async () => {
      did.push('continue');
    },
    continueVcpus: async (some) => {
      did.push(`continue ${some.join(' ')}`);
    },
    writeRegister: unused,
    writeMemory: unused,
    writePhysicalMemory: unused,
    setBreakpoint: unused,
    removeBreakpoint: unused,
    setWatchpoint: unused,
    removeWatchpoint: unused,
    reenter: unused,
    waitForStop: unused,
    close: unused,
  };
  return { gdb, did };
}

/** `info registers -a` of vCPUs in 64-bit code, whole. */
export function in64Bit(registersText: string): string {
  return registersText.replaceAll(
    /^(IDT=.*)$/gm,
    '$1\nCS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]',
  );
}
