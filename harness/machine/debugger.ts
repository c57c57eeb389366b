/** Registers that a debugger reads and writes: general, segment and control registers of x86-64. */
export type RegisterName =
  | ('rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rbp' | 'rsp')
  | ('r8' | 'r9' | 'r10' | 'r11' | 'r12' | 'r13' | 'r14' | 'r15' | 'rip' | 'rflags')
  | ('cs' | 'ss' | 'ds' | 'es' | 'fs' | 'gs' | 'fs_base' | 'gs_base' | 'k_gs_base')
  | ('cr0' | 'cr2' | 'cr3' | 'cr4' | 'cr8' | 'efer');

/** One vCPU's registers, zero-extended. */
export type Registers = Readonly<Record<RegisterName, bigint>>;

/** Bounds of one operation. */
export interface CallOptions {
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Virtual memory is read through the current page tables (CR3) of one vCPU, 0 when absent. */
export interface MemoryOptions extends CallOptions {
  readonly vcpu?: number | undefined;
}

/** A watchpoint: this many bytes, aligned, and this kind of access. */
export interface Watch {
  readonly length: 1 | 2 | 4 | 8;
  readonly access: 'write' | 'read' | 'access';
}

/** The kind of a breakpoint. */
export type BreakpointKind = 'hardware' | 'software';

/** The end of a resume or of a step. */
export interface Stop {
  /** The vCPU that the stub names; not always the one that caused the stop. */
  readonly vcpu: number | undefined;
  /** `trap`: a breakpoint or the end of a step. `interrupt`: it was requested. */
  readonly reason: { readonly kind: string };
}

/**
 * A debugger attached to a machine: all vCPUs stop together, single ones run or step while the others are held. The
 * client of QEMU's gdbstub has this form; its README describes the costs and errors of each operation.
 */
export interface Debugger {
  /** vCPU numbers, ascending. */
  readonly vcpus: readonly number[];
  readRegisters(vcpu: number, options?: CallOptions): Promise<Registers>;
  writeRegister(vcpu: number, name: RegisterName, value: bigint, options?: CallOptions): Promise<void>;
  readMemory(address: bigint, length: number, options?: MemoryOptions): Promise<Buffer>;
  writeMemory(address: bigint, bytes: Uint8Array, options?: MemoryOptions): Promise<void>;
  readPhysicalMemory(address: bigint, length: number, options?: CallOptions): Promise<Buffer>;
  writePhysicalMemory(address: bigint, bytes: Uint8Array, options?: CallOptions): Promise<void>;
  setBreakpoint(address: bigint, kind: BreakpointKind, options?: CallOptions): Promise<void>;
  removeBreakpoint(address: bigint, kind: BreakpointKind, options?: CallOptions): Promise<void>;
  setWatchpoint(address: bigint, watch: Watch, options?: CallOptions): Promise<void>;
  removeWatchpoint(address: bigint, watch: Watch, options?: CallOptions): Promise<void>;
  /** Lets these vCPUs run; all others are held where they are. */
  continueVcpus(vcpus: readonly number[], options?: CallOptions): Promise<void>;
  continueAll(options?: CallOptions): Promise<void>;
  /** Lets one vCPU enter the guest and stop before its next instruction: what is shown of it is fresh then. */
  reenter(vcpu: number, options?: CallOptions): Promise<void>;
  /** Executes one instruction on one vCPU, all others held. */
  step(vcpu: number, options?: CallOptions): Promise<Stop>;
  /** Stops a running machine; undefined for one that is stopped already. */
  interrupt(options?: CallOptions): Promise<Stop | undefined>;
  /** The stop that ends the latest resume; it may have come already. */
  waitForStop(options?: CallOptions): Promise<Stop>;
  /** Detaches. `release` (when absent): removes breakpoints and lets the guest run; `leave`: leaves it as it is. */
  close(options?: CallOptions & { readonly guest?: 'release' | 'leave' | undefined }): Promise<void>;
}
