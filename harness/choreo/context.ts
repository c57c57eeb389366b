import type { Irqchips } from '../hmp/irqchips.js';
import type { LocalApic } from '../hmp/lapic.js';
import type { VcpuRegisters } from '../hmp/registers.js';
import type { InterruptMessage } from '../model/interrupt.js';
import type { HostFact } from '../model/record.js';
import type { PinName } from '../proof/names.js';
import type { SymbolTable } from '../symbols/index.js';
import type { Debugger } from './debugger.js';

/** What a choreography needs of the run. The guest is stopped while a step inspects it. */
export interface ChoreographyContext {
  readonly gdb: Debugger;
  readonly symbols: SymbolTable;
  /** Counted from 1; picks the vCPU of `on: turn`. */
  readonly trial: number;
  /** Stretches the deadlines of steps, for slow hosts; how long a step lets a vCPU run is not stretched. */
  readonly deadlineScale: number;
  /** The panic message names it. */
  readonly runName: string;
  /** What the monitor shows of every vCPU, now. */
  vcpuRegisters(): Promise<readonly VcpuRegisters[]>;
  /** Sends an interrupt to one vCPU; returns the APIC id that it was sent to. */
  interrupt(vcpu: number, message: InterruptMessage): Promise<number>;
  /** The interrupt controllers that the machine has, now. */
  irqchips(): Promise<Irqchips>;
  /** A vCPU's local APIC, now; undefined when QEMU shows none. */
  lapic(vcpu: number): Promise<LocalApic | undefined>;
  /** The pin that a scenario names; undefined when no row of /proc/interrupts has that device on a pin. */
  pinOf(name: PinName): number | undefined;
  /**
   * How long a proof about the interrupt controllers waits for interrupt sources, which work while all vCPUs are
   * stopped; 0 without any.
   */
  readonly sourcesWithinMs: number;
  /** Called right before a vCPU is directed into panic(), all of them stopped. */
  firing(): Promise<void>;
  fact(fact: HostFact): void;
}

/** What an instruction trace needs of it. */
export interface TraceContext extends Pick<ChoreographyContext, 'symbols' | 'vcpuRegisters' | 'fact'> {
  readonly gdb: Omit<
    Debugger,
    'vcpus' | 'readPhysicalMemory' | 'writeRegister' | 'writeMemory' | 'continueAll'
  >;
}
