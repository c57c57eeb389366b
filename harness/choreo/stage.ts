import type { HostFact } from '../model/record.js';
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
  fact(fact: HostFact): void;
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
