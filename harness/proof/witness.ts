import type { Irqchips } from '../hmp/irqchips.js';
import type { LocalApic } from '../hmp/lapic.js';
import type { VcpuRegisters } from '../hmp/registers.js';
import type { EventOf, RunEvent } from '../model/event.js';
import type { SymbolTable } from '../symbols/index.js';
import type { PinName, Subject } from './names.js';

/**
 * What proofs may ask, by the time at which they are asked. The rooms that own the machine implement it; a test answers
 * from values.
 */

/** What can be asked of the machine at any time before it has crashed. */
export interface MachineWitness {
  /** How many vCPUs the machine has. */
  readonly cpus: number;
  /** The number of a vCPU given by number or role. */
  vcpuOf(subject: Subject): number;
  /** Registers of every vCPU. */
  registers(): Promise<readonly VcpuRegisters[]>;
  irqchips(): Promise<Irqchips>;
  /** A vCPU's local APIC; undefined when the machine shows none. */
  lapic(vcpu: number): Promise<LocalApic | undefined>;
  /** The number of an IO-APIC pin; undefined when no row of /proc/interrupts has that device on a pin. */
  pinOf(name: PinName): Promise<number | undefined>;
  /**
   * Reads the running kernel; a running guest is stopped meanwhile. When the machine cannot do that, the answer is the
   * reason.
   */
  withKernel<T>(look: (kernel: KernelWitness) => Promise<T>): Promise<T | KernelHidden>;
  /** How long interrupt sources outside the guest may take to make an answer right, ms; 0 without any. */
  readonly sourcesWithinMs: number;
  readonly clock: Clock;
}

/** The clock for repeated questions. */
export interface Clock {
  /** Milliseconds, monotonic. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

/** How a shell script in the guest ended. */
export interface ScriptReply {
  readonly status: number;
  readonly output: string;
}

/** The machine before firing: the guest runs and answers. */
export interface GuestWitness extends MachineWitness {
  /** Runs a script in the guest; `what` names it. A guest that does not answer ends the run. */
  script(script: string, what: string): Promise<ScriptReply>;
  /** The same; undefined when the guest does not answer. */
  tryScript(script: string): Promise<ScriptReply | undefined>;
}

/** The machine in a choreography: all vCPUs are stopped. */
export interface StoppedWitness extends MachineWitness {
  stopped(vcpu: number): Promise<StoppedVcpu>;
  stack(vcpu: number): Promise<StackSeen>;
}

/** Names and memory of the running kernel. */
export interface KernelWitness {
  readonly symbols: SymbolTable;
  /** Kernel memory at a virtual address; undefined when no available page tables map it. */
  read(address: bigint, length: number): Promise<Uint8Array | undefined>;
}

/** Why names and memory of the kernel are not available, for people. */
export interface KernelHidden {
  readonly hidden: string;
}

/** Where a stopped vCPU is. */
export interface StoppedVcpu {
  /** The function that it is in; undefined when no symbol covers the place. */
  readonly function: string | undefined;
  /** RFLAGS.IF. */
  readonly interruptsOn: boolean;
  /** The same for people: `cpu1 mask_ioapic_irq+0x16/0xb0 IF=0`. */
  readonly line: string;
}

/** The stack of a stopped vCPU. */
export interface StackSeen {
  /** Functions of the reliable frames. */
  readonly functions: readonly string[];
  /** The stack for people, in one line. */
  readonly line: string;
}

/** The console's record of a run, after the fact. */
export type ConsoleWitness = readonly RunEvent[];

/** The capture kernel's report, and what the machine tells of it. */
export type CaptureWitness = EventOf<'capture-facts'> & {
  /** vCPUs that it sent an INIT; undefined where the machine does not tell. */
  readonly inits?: readonly number[] | undefined;
};
