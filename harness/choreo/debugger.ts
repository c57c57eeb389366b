import type * as autopsy from '../autopsy/debugger.js';
import type { BreakpointKind, RegisterName, Stop, Watch } from '../machine/debugger.js';

/** A debugger that lets single vCPUs run: the part of `GdbClient` that a choreography uses. */
export interface Debugger extends autopsy.Debugger {
  writeRegister(vcpu: number, name: RegisterName, value: bigint): Promise<void>;
  /** Writes virtual memory through the page tables of one vCPU, read-only pages included. */
  writeMemory(address: bigint, bytes: Uint8Array, options: { readonly vcpu: number }): Promise<void>;
  /** Stops any vCPU before it executes the instruction at `address`; one that continues there stops at once again. */
  setBreakpoint(address: bigint, kind: BreakpointKind): Promise<void>;
  removeBreakpoint(address: bigint, kind: BreakpointKind): Promise<void>;
  /** Stops any vCPU when it has touched the bytes at `address`. */
  setWatchpoint(address: bigint, watch: Watch): Promise<void>;
  removeWatchpoint(address: bigint, watch: Watch): Promise<void>;
  /** Lets these vCPUs run; all others are held where they are. */
  continueVcpus(vcpus: readonly number[]): Promise<void>;
  continueAll(): Promise<void>;
  /** Executes one instruction on one vCPU, all others held. Throws a GdbTimeoutError after `deadlineMs`; it runs then. */
  step(vcpu: number, options: { readonly deadlineMs: number }): Promise<Stop>;
  /** The stop that ends the latest resume. Throws a GdbTimeoutError after `deadlineMs`; the vCPUs run then. */
  waitForStop(options: { readonly deadlineMs: number }): Promise<Stop>;
}
