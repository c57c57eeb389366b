import { MachineFailure, need } from '../machine/machine.js';
import { frameSource } from '../machine/sources/frame-source.js';
import { interruptSource } from '../machine/sources/interrupt-source.js';
import type { Source } from '../machine/sources/source.js';
import { type SourceSpec, sourceName } from '../plan/source.js';
import type { PinName } from '../proof/names.js';
import type { Guest } from './guest.js';

/** A rate is measured over this long at least. */
const MEASURE_MS = 1_000;
/** Interval at which it is checked that the sources still run. */
const CHECK_EVERY_MS = 200;

/** The scenario's interrupt sources, from their start to the end of the run. Their counts are recorded. */
export class SourceBank {
  readonly #guest: Guest;
  readonly #specs: readonly SourceSpec[];
  readonly #running: { readonly spec: SourceSpec; readonly source: Source; reported: boolean }[] = [];
  #checks: NodeJS.Timeout | undefined;

  constructor(guest: Guest, specs: readonly SourceSpec[]) {
    this.#guest = guest;
    this.#specs = specs;
  }

  /**
   * Starts all of them and measures the requested rates. A source that cannot work on this machine, or that does not
   * reach its rate, ends the run (void).
   */
  async start(): Promise<void> {
    if (this.#specs.length === 0) return;
    const pinOf = await this.#guest.findPins(
      this.#specs.flatMap((spec) => ('pin' in spec ? [spec.pin] : [])),
    );
    for (const spec of this.#specs) {
      const source = await this.#open(spec, pinOf);
      await this.#orVoid(spec, () => source.start());
      this.#running.push({ spec, source, reported: false });
      this.#report(source, 'started');
    }
    this.#checks = setInterval(() => this.#watchFailures(), CHECK_EVERY_MS);
    await this.#proveRates();
  }

  /** Records the counts right before firing. */
  firing(): void {
    for (const { source } of this.#running) this.#report(source, 'at-firing');
  }

  /** After firing: stops the sources that end there. */
  async fired(): Promise<void> {
    await this.#stop(this.#running.filter(({ spec }) => spec.until === 'fired'));
  }

  /** Stops all of them. */
  async stop(): Promise<void> {
    clearInterval(this.#checks);
    await this.#stop(this.#running);
  }

  async #open(spec: SourceSpec, pinOf: (name: PinName) => number | undefined): Promise<Source> {
    const { machine } = this.#guest;
    if ('frames' in spec) return frameSource(spec, await need(machine, 'network').frames());
    const interrupts = need(machine, 'interrupts');
    // A channel that cannot be opened is a harness fault, one that refuses is a missing ability of the machine.
    await interrupts.send([]);
    if (!('pin' in spec)) return interruptSource(spec, { interrupts, pin: undefined });
    const pin = pinOf(spec.pin);
    const why = whyNot(spec.pin, { pin, pins: await interrupts.ioApicPins(), dead: interrupts.deadPins });
    if (why !== undefined) {
      this.#guest.watch.require({ what: `${sourceName(spec)} can be driven`, proved: false, saw: why });
    }
    return interruptSource(spec, { interrupts, pin });
  }

  async #proveRates(): Promise<void> {
    const { watch } = this.#guest;
    const asked = this.#running.filter(({ spec }) => spec.atLeastPerSecond !== undefined);
    if (asked.length === 0) return;
    const before = asked.map(({ source }) => source.tally().count);
    const sinceMs = watch.nowMs();
    await watch.sleep(MEASURE_MS);
    const seconds = (watch.nowMs() - sinceMs) / 1000;
    for (const [index, { spec, source }] of asked.entries()) {
      const rate = (source.tally().count - (before[index] ?? 0)) / seconds;
      const what = `${source.name}: at least ${spec.atLeastPerSecond} per second`;
      const proved = rate >= (spec.atLeastPerSecond ?? 0);
      watch.require({ what, proved, saw: `${Math.round(rate)} per second` });
    }
  }

  async #stop(which: readonly { readonly source: Source; reported: boolean }[]): Promise<void> {
    this.#watchFailures();
    for (const one of which) {
      if (one.reported) continue;
      one.reported = true;
      await one.source.stop();
      this.#report(one.source, 'stopped');
    }
  }

  #report(source: Source, state: 'started' | 'at-firing' | 'stopped' | 'failed'): void {
    const { count, forMs, failure } = source.tally();
    this.#guest.watch.fact({ fact: 'source', source: source.name, state, count, forMs, why: failure });
  }

  #watchFailures(): void {
    for (const one of this.#running) {
      if (one.reported || one.source.tally().failure === undefined) continue;
      one.reported = true;
      this.#report(one.source, 'failed');
      this.#guest.watch.end('an interrupt source failed');
    }
  }

  async #orVoid(spec: SourceSpec, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof MachineFailure)) throw error;
      this.#guest.watch.require({ what: `${sourceName(spec)} starts`, proved: false, saw: error.message });
    }
  }
}

/** Why a pin cannot be driven; QEMU asserts, and dies, on a line that a device does not have. */
function whyNot(
  name: PinName,
  {
    pin,
    pins,
    dead = [],
  }: {
    readonly pin: number | undefined;
    readonly pins: number;
    readonly dead?: readonly number[] | undefined;
  },
): string | undefined {
  if (pins === 0) return 'the machine has no IO-APIC that can be driven';
  if (pin === undefined) return `no row of /proc/interrupts ties ${name} to an IO-APIC pin`;
  if (dead.includes(pin)) return `no line of this machine drives pin ${pin} of its IO-APIC`;
  return pin < pins ? undefined : `its IO-APIC has pins 0 to ${pins - 1}, not ${pin}`;
}
