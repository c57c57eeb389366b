import { Fault, harnessFault } from '../../model/fault.js';
import { GdbClosedError } from '../../qemu/gdbstub/index.js';
import { QmpClosedError } from '../../qemu/qmp/index.js';
import { QtestClosedError } from '../../qemu/qtest/index.js';
import { MachineFailure } from '../machine.js';

/** Cleanup steps, last first; each is tried even if another one fails. */
export class Teardown {
  readonly #steps: { readonly what: string; readonly undo: () => unknown }[] = [];

  /** `what` completes "cannot ...". */
  defer(what: string, undo: () => unknown): void {
    this.#steps.push({ what, undo });
  }

  /** Runs all steps. Returns the failures, except those of resources that were gone already. */
  async run(): Promise<Fault[]> {
    const failures: Fault[] = [];
    for (const { what, undo } of this.#steps.splice(0).toReversed()) {
      try {
        await undo();
      } catch (error) {
        if (isGone(error)) continue;
        const why =
          error instanceof Fault ? error.message : `cannot ${what}: ${String(error)}; see the cause`;
        failures.push(harnessFault(why, error));
      }
    }
    return failures;
  }
}

/** The resource is gone already: a socket of a QEMU that has ended. */
function isGone(error: unknown): boolean {
  return (
    error instanceof QmpClosedError ||
    error instanceof QtestClosedError ||
    error instanceof GdbClosedError ||
    (error instanceof MachineFailure && error.gone)
  );
}
