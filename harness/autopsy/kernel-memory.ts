import { GdbRemoteError } from '../qemu/gdbstub/index.js';
import type { Debugger } from './debugger.js';

/**
 * Reads memory of the kernel that is running. With page-table isolation the page tables of a vCPU in user mode hold
 * next to nothing of the kernel (Documentation/x86/pti.rst), so that vCPUs in kernel mode are asked first. Undefined
 * when the page tables of no vCPU have the address.
 */
export async function readKernelMemory(
  { address, length }: { address: bigint; length: number },
  gdb: Pick<Debugger, 'vcpus' | 'readRegisters' | 'readMemory'>,
): Promise<Buffer | undefined> {
  const inUserMode: number[] = [];
  const inKernelMode: number[] = [];
  for (const vcpu of gdb.vcpus) {
    const { cs } = await gdb.readRegisters(vcpu);
    ((cs & 3n) === 3n ? inUserMode : inKernelMode).push(vcpu);
  }
  for (const vcpu of [...inKernelMode, ...inUserMode]) {
    try {
      return await gdb.readMemory(address, length, { vcpu });
    } catch (error) {
      if (!(error instanceof GdbRemoteError)) throw error;
    }
  }
  return undefined;
}
