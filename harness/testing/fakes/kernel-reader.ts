import type { KernelReader } from '../../autopsy/kernel-memory.js';
import { GdbRemoteError } from '../../qemu/gdbstub/index.js';
import { MadePhysicalMemory } from '../builders/page-tables.js';
import { ZERO_REGISTERS } from '../builders/registers.js';

/** Address of a lock that crosses two pages. */
export const LOCK = 0xffffffff82345ffcn;
const PHYSICAL = 0x345_6000n;

const refused = () => new GdbRemoteError('read', 'm', 0x14, 'the stub answered E14');

/** The state of a vCPU that matters for reading through its page tables. */
export interface MadeVcpu {
  readonly user?: boolean;
  readonly cr3?: bigint;
  readonly cr0?: bigint;
  /** Memory that the stub reads through its tables; absent: it refuses. */
  readonly maps?: Buffer;
}

/** A debugger on stopped vCPUs with these page tables. */
export function kernelReader(vcpus: readonly MadeVcpu[], memory = new MadePhysicalMemory()): KernelReader {
  return {
    vcpus: vcpus.map((_, index) => index),
    async readRegisters(vcpu) {
      const { user = false, cr3 = 0x1000n, cr0 = 0x80050033n } = vcpus[vcpu] ?? {};
      return { ...ZERO_REGISTERS, cs: user ? 0x33n : 0x10n, cr3, cr0, cr4: 0x6f0n };
    },
    async readMemory(_address, length, options) {
      const maps = vcpus[options.vcpu]?.maps;
      if (maps === undefined) throw refused();
      return maps.subarray(0, length);
    },
    readPhysicalMemory: async (address, length) => memory.read({ address, length }),
  };
}

/** The tables of a process under page-table isolation, the lock's two pages mapped in the kernel's. */
export function isolated() {
  const memory = new MadePhysicalMemory();
  const kernel = memory.table(true);
  const user = kernel + 0x1000n;
  memory.map(kernel, { from: 0x40_0000n, to: 0x200_0000n });
  memory.write(user, memory.word(kernel));
  memory.map(kernel, { from: LOCK & ~0xfffn, to: PHYSICAL });
  memory.map(kernel, { from: (LOCK & ~0xfffn) + 0x1000n, to: PHYSICAL + 0x5000n });
  memory.write(PHYSICAL + 0xff8n, 0x0000_0001_0000_0000n);
  memory.write(PHYSICAL + 0x5000n, 0x77n);
  return { memory, user };
}
