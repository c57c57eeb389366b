import type { Irqchips } from '../hmp/irqchips.js';
import type { LocalApic } from '../hmp/lapic.js';
import type { VcpuRegisters } from '../hmp/registers.js';
import type { InterruptMessage } from '../machine/machine.js';
import type { HostFact } from '../model/record.js';
import type { PinName } from '../proof/names.js';
import type { SymbolTable } from '../symbols/index.js';
import type { Debugger } from './debugger.js';

/** What a choreography uses of the run. The guest is stopped while a step inspects it. */
export interface ChoreographyContext {
  readonly gdb: Debugger;
  readonly symbols: SymbolTable;
  /** Counted from 1; picks the vCPU of `on: turn`. */
  readonly trial: number;
  /**
   * Factor on the deadlines of steps, for slow hosts; it does not apply to the time for which a step lets a vCPU run.
   */
  readonly deadlineScale: number;
  /** The guest's own time, milliseconds: deadlines of steps count it, so that a busy host shortens none. */
  nowMs(): number;
  /** The run's name, for the panic message. */
  readonly runName: string;
  /** The current registers of every vCPU, from the monitor. */
  vcpuRegisters(): Promise<readonly VcpuRegisters[]>;
  /** Sends an interrupt to one vCPU; returns the APIC id that it was sent to. */
  interrupt(vcpu: number, message: InterruptMessage): Promise<number>;
  /** The current state of IO-APIC and 8259s. */
  irqchips(): Promise<Irqchips>;
  /** The current state of a vCPU's local APIC; undefined when QEMU shows none. */
  lapic(vcpu: number): Promise<LocalApic | undefined>;
  /** The number of a pin that a scenario names; undefined when no row of /proc/interrupts has that device on a pin. */
  pinOf(name: PinName): number | undefined;
  /**
   * How long a proof about the interrupt controllers waits for interrupt sources, which work while all vCPUs are
   * stopped; 0 without any.
   */
  readonly sourcesWithinMs: number;
  /** Called right before a vCPU is directed into panic(), with all vCPUs stopped. */
  firing(): Promise<void>;
  fact(fact: HostFact): void;
}

/** The part of it that an instruction trace uses. */
export interface TraceContext
  extends Pick<ChoreographyContext, 'symbols' | 'vcpuRegisters' | 'fact' | 'nowMs' | 'deadlineScale'> {
  readonly gdb: Omit<
    Debugger,
    'vcpus' | 'readPhysicalMemory' | 'writeRegister' | 'writeMemory' | 'continueAll'
  >;
}
