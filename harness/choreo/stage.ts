import type { Irqchips } from '../hmp/irqchips.js';
import type { LocalApic } from '../hmp/lapic.js';
import type { InterruptMessage } from '../model/interrupt.js';
import type { HostFact } from '../model/record.js';
import type { PinName } from '../proof/names.js';
import type { GdbClient } from '../qemu/gdbstub/index.js';
import type { SymbolTable } from '../symbols/index.js';

/** What a choreography works on; the run provides it. The guest is stopped while a step looks at it. */
export interface Stage {
  readonly gdb: GdbClient;
  readonly symbols: SymbolTable;
  /** Counted from 1; picks the vCPU of `on: turn`. */
  readonly trial: number;
  /** Stretches the deadlines of steps, for slow hosts; what a step does for a time is not stretched. */
  readonly deadlineScale: number;
  /** What the panic message says. */
  readonly runName: string;
  /** An HMP command's text, e.g. `info lapic 0`. */
  monitor(command: string): Promise<string>;
  /** Sends an interrupt to one vCPU; returns the APIC id that it was sent to. */
  interrupt(vcpu: number, message: InterruptMessage): Promise<number>;
  /** The interrupt controllers that the machine has, now. */
  irqchips(): Promise<Irqchips>;
  /** A vCPU's local APIC, now; undefined when QEMU shows none. */
  lapic(vcpu: number): Promise<LocalApic | undefined>;
  /** The pin that a scenario names; undefined when no row of /proc/interrupts has that device on a pin. */
  pinOf(name: PinName): number | undefined;
  /** How long a proof about the interrupt controllers waits for sources that work while all vCPUs stand; 0 without any. */
  readonly sourcesWithinMs: number;
  /** Called right before a vCPU is directed into panic(), all of them stopped. */
  firing(): Promise<void>;
  fact(fact: HostFact): void;
}

/** What a walk needs of a stage. */
export interface WalkStage extends Pick<Stage, 'symbols' | 'monitor' | 'fact'> {
  readonly gdb: Pick<
    GdbClient,
    | 'readRegisters'
    | 'readMemory'
    | 'step'
    | 'continueVcpus'
    | 'waitForStop'
    | 'interrupt'
    | 'setBreakpoint'
    | 'removeBreakpoint'
    | 'setWatchpoint'
    | 'removeWatchpoint'
  >;
}

/**
 * A step that could not be done: the state was not reached, so the run is void. `saw` says what was there instead; it
 * is recorded as a proof that was not given.
 */
export class NotReached extends Error {
  readonly what: string;
  readonly saw: string;

  constructor(what: string, saw: string) {
    super(`${what}: ${saw}`);
    this.name = 'NotReached';
    this.what = what;
    this.saw = saw;
  }
}
