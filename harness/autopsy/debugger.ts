import type { Registers, Debugger as SteppingDebugger } from '../machine/debugger.js';
import { MachineFailure } from '../machine/machine.js';
import { GdbClosedError, GdbError, GdbRemoteError } from '../qemu/gdbstub/index.js';

/** A debugger on a machine that is stopped, or can be; `GdbClient` is one. Its timeouts and errors are the client's. */
export interface Debugger {
  /** vCPU indexes, ascending. */
  readonly vcpus: readonly number[];
  readRegisters(vcpu: number): Promise<Registers>;
  /** Reads virtual memory through the current page tables (CR3) of one vCPU. */
  readMemory(address: bigint, length: number, options: { readonly vcpu: number }): Promise<Buffer>;
  /** Reads physical memory, independent of the vCPUs' page tables. */
  readPhysicalMemory(address: bigint, length: number): Promise<Buffer>;
  /** Stops the machine if it runs. */
  interrupt(): Promise<unknown>;
}

/** Lets all vCPUs run but those that are held. */
export async function continueBut(
  held: ReadonlySet<number>,
  gdb: Pick<SteppingDebugger, 'vcpus' | 'continueAll' | 'continueVcpus'>,
): Promise<void> {
  if (held.size === 0) return gdb.continueAll();
  const free = gdb.vcpus.filter((vcpu) => !held.has(vcpu));
  if (free.length > 0) await gdb.continueVcpus(free);
}

/** Whether the debugger failed: it is gone, does not answer, or refuses. */
export function isDebuggerError(error: unknown): boolean {
  return error instanceof GdbError;
}

/** Whether an error says that the machine, or the connection to it, is gone. */
export function isGone(error: unknown): boolean {
  return error instanceof GdbClosedError || (error instanceof MachineFailure && error.gone);
}

/** Memory that is not there: not mapped, no RAM, or a page that a dump lacks. */
export class UnreadableMemory extends Error {}

/** What a read of memory gives; undefined when the stub refuses it: nothing is there. Throws every other error. */
export async function orUnreadable(read: Promise<Buffer>): Promise<Buffer | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof GdbRemoteError || error instanceof UnreadableMemory) return undefined;
    throw error;
  }
}
