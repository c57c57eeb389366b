import type { Registers } from '../machine/debugger.js';

/** A debugger on a machine that is stopped, or can be. `GdbClient` is one. Times out, and throws, as its kind does. */
export interface Debugger {
  /** vCPU indexes, ascending. */
  readonly vcpus: readonly number[];
  readRegisters(vcpu: number): Promise<Registers>;
  /** Reads virtual memory through the page tables of one vCPU, as its CR3 is now. */
  readMemory(address: bigint, length: number, options: { readonly vcpu: number }): Promise<Buffer>;
  /** Reads physical memory, whatever the page tables of the vCPUs are. */
  readPhysicalMemory(address: bigint, length: number): Promise<Buffer>;
  /** Stops the machine if it runs. */
  interrupt(): Promise<unknown>;
}
