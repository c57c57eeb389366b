import { type Irqchips, readIrqchips } from '../hmp/irqchips.js';
import { type LocalApic, readLapic } from '../hmp/lapic.js';
import { readRegisters, type VcpuRegisters } from '../hmp/registers.js';
import type { Debugger } from '../machine/debugger.js';
import { type Machine, MachineFailure, MissingAbility, need } from '../machine/machine.js';
import { continueBut, isGone } from '../autopsy/debugger.js';
import { Fault } from '../model/fault.js';
import type { PinName } from '../proof/names.js';
import { pinOfDevice, readProcInterrupts } from '../timeline/proc-interrupts.js';
import { GuestShell } from './guest-shell.js';
import type { RunWatch } from './run-watch.js';

const CONTINUE_TRIES = 2;
/** The end of a guest comes over another channel than its last bytes. */
const LAST_BYTES_MS = 300;

/** The guest was stopped and could not be continued: what follows would look like a hang. */
export class CannotContinue extends Fault {
  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super('harness', `cannot let the guest continue: ${why}; run again`, { cause });
    this.name = 'CannotContinue';
  }
}

/**
 * Whether work with a stopped machine failed because an answer did not come in time: it may come at the next work.
 */
export function isPassing(error: unknown): boolean {
  const isLasting = error instanceof MissingAbility || error instanceof CannotContinue || isGone(error);
  return error instanceof Fault && !isLasting;
}

/** A running guest: its machine, its recording, and its init. A run acts only through these three. */
export class Guest {
  readonly machine: Machine;
  readonly watch: RunWatch;
  readonly shell: GuestShell;
  /** vCPUs that a choreography has left stopped, for the rest of the run. */
  held: ReadonlySet<number> = new Set();
  #debugger: Promise<Debugger> | undefined;
  #lastBytes: Promise<void> | undefined;
  /** The end of the latest work with the machine stopped. */
  #stopped: Promise<unknown> = Promise.resolve();

  /** `lastId`: of the requests that the guest has answered as a template. */
  constructor(machine: Machine, watch: RunWatch, { lastId }: { readonly lastId?: number | undefined } = {}) {
    this.machine = machine;
    this.watch = watch;
    this.shell = new GuestShell(need(machine, 'control'), { watch, lastId });
  }

  /**
   * The run's debugger. The first call attaches it, which stops the machine; it stays attached to the end of the run.
   * Throws {@link MissingAbility}.
   */
  debugger(): Promise<Debugger> {
    if (this.#debugger !== undefined) return this.#debugger;
    const attaching = need(this.machine, 'debugger').connect();
    this.#debugger = attaching;
    // One that did not answer in time on a busy host may answer the next time.
    attaching.catch(() => {
      this.#debugger = undefined;
    });
    return attaching;
  }

  /**
   * Stops the machine, does the work, and lets all vCPUs but the held ones continue, whether it succeeds or not; a
   * machine that was shown to hang, or has shut down, stays stopped for the autopsy. Works that are requested meanwhile
   * wait: each finds the machine stopped, and as it was left. Samples of the stopped machine would show a shape of the
   * debugger's making, so none are taken. Throws {@link MissingAbility}, {@link CannotContinue}, and what the work and
   * the debugger throw.
   */
  whileStopped<T>(work: (gdb: Debugger) => Promise<T>): Promise<T> {
    const turn = this.#stopped.then(async () => {
      const resumeSamples = this.watch.holdSamples();
      try {
        const gdb = await this.debugger();
        await gdb.interrupt();
        try {
          return await work(gdb);
        } finally {
          if (!this.watch.events.some(({ type }) => type === 'shutdown' || type === 'hang')) {
            await letContinue(gdb, this.held);
          }
        }
      } finally {
        resumeSamples();
      }
    });
    this.#stopped = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Resolves when everything that the guest wrote before it shut down is recorded, which its end may have overtaken. Where
   * the machine cannot tell, that takes a fixed time, once in a run.
   */
  lastBytes(): Promise<void> {
    this.#lastBytes ??= this.machine.lastBytes?.() ?? this.watch.sleep(LAST_BYTES_MS);
    return this.#lastBytes;
  }

  /** Resolves when no work with the machine stopped is under way. */
  async settled(): Promise<void> {
    await this.#stopped;
  }

  /** The registers of every vCPU. */
  async registers(): Promise<readonly VcpuRegisters[]> {
    return readRegisters(await need(this.machine, 'monitor').registers());
  }

  /** IO-APIC and 8259s. */
  async irqchips(): Promise<Irqchips> {
    return readIrqchips(await need(this.machine, 'monitor').irqchips());
  }

  /** A vCPU's local APIC; undefined when the machine shows none. */
  async lapic(vcpu: number): Promise<LocalApic | undefined> {
    const text = await need(this.machine, 'monitor').lapic(vcpu);
    return text === undefined ? undefined : readLapic(text);
  }

  /** Finds the pins that a scenario names; /proc/interrupts is read only when one is named by its device. */
  async findPins(names: readonly PinName[]): Promise<(name: PinName) => number | undefined> {
    const rows = names.some((name) => typeof name === 'string')
      ? readProcInterrupts((await this.shell.run('cat /proc/interrupts', 'reading /proc/interrupts')).output)
      : [];
    return (name) => (typeof name === 'number' ? name : pinOfDevice(rows, name));
  }

  /**
   * Records the interrupt controllers right before firing. The record is left out when the machine does not show them:
   * no verdict depends on it, and a machine that does not answer is detected elsewhere. `lapicsOf: 'stop'`: the texts of
   * the local APICs are as old as the vCPUs' stops, as under KVM.
   */
  async recordInterruptState({ lapicsOf }: { readonly lapicsOf?: 'stop' | undefined } = {}): Promise<void> {
    try {
      const monitor = need(this.machine, 'monitor');
      const pic = await monitor.irqchips();
      const lapics: { vcpu: number; text: string }[] = [];
      for (const vcpu of await monitor.vcpus()) {
        lapics.push({ vcpu, text: (await monitor.lapic(vcpu)) ?? '' });
      }
      this.watch.fact({
        fact: 'interrupt-state',
        pic,
        lapics,
        ...(lapicsOf === undefined ? {} : { lapicsOf }),
      });
    } catch (error) {
      if (!(error instanceof MachineFailure || error instanceof MissingAbility)) throw error;
    }
  }
}

/** A debugger that did not answer in time on a busy host may answer the next time. */
async function letContinue(gdb: Debugger, held: ReadonlySet<number>): Promise<void> {
  for (let triesLeft = CONTINUE_TRIES; ; triesLeft -= 1) {
    try {
      // A step that did not end in time may still be under way.
      await gdb.interrupt();
      await continueBut(held, gdb);
      return;
    } catch (error) {
      if (isGone(error)) throw error;
      if (triesLeft <= 1) throw new CannotContinue(error);
    }
  }
}
