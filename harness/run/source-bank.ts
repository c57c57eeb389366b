import { setTimeout as sleep } from 'node:timers/promises';
import { type SourceSpec, sourceName } from '../model/source.js';
import { QtestError } from '../qemu/qtest/index.js';
import { qtestSource } from '../source/qtest-source.js';
import type { Source } from '../source/source.js';
import { findPins } from './irqchips.js';
import type { LiveGuest } from './live-guest.js';
import { RunEnded } from './run-watch.js';

/** A rate is measured over this long at least. */
const MEASURE_MS = 1_000;
/** How often a source is asked whether it still works. */
const LOOK_EVERY_MS = 200;

/** The scenario's interrupt sources, from their start to the end of the run. What they did is recorded. */
export class SourceBank {
  readonly #running: { readonly spec: SourceSpec; readonly source: Source; told: boolean }[] = [];
  #guest: LiveGuest | undefined;
  #look: NodeJS.Timeout | undefined;

  /** Starts all of them. One that cannot work on this machine ends the run, void. */
  async start(guest: LiveGuest): Promise<void> {
    const { sources } = guest.plan.scenario;
    if (sources.length === 0) return;
    this.#guest = guest;
    const qtest = await guest.qtest();
    const pinOf = await findPins(
      guest,
      sources.flatMap((spec) => ('pin' in spec ? [spec.pin] : [])),
    );
    for (const spec of sources) {
      const source = qtestSource(spec, {
        qtest,
        apicIds: await guest.apicIds(),
        pin: 'pin' in spec ? await this.#pin(guest, spec, pinOf(spec.pin)) : undefined,
      });
      await this.#orVoid(guest, spec, () => source.start());
      this.#running.push({ spec, source, told: false });
      this.#tell(source, 'started');
    }
    this.#look = setInterval(() => this.#watchFailures(), LOOK_EVERY_MS);
  }

  /** Measures the rates that are asked for. One that is not kept ends the run, void. */
  async prove(guest: LiveGuest): Promise<void> {
    const asked = this.#running.filter(({ spec }) => spec.atLeastPerSecond !== undefined);
    if (asked.length === 0) return;
    const before = asked.map(({ source }) => source.tally().count);
    const sinceMs = performance.now();
    await sleep(MEASURE_MS);
    const seconds = (performance.now() - sinceMs) / 1000;
    for (const [index, { spec, source }] of asked.entries()) {
      const rate = (source.tally().count - (before[index] ?? 0)) / seconds;
      const what = `${source.name}: at least ${spec.atLeastPerSecond} per second`;
      const proved = rate >= (spec.atLeastPerSecond ?? 0);
      guest.fact({ fact: 'proof', what, proved, saw: `${Math.round(rate)} per second` });
      if (!proved) stop(guest, `not proved: ${what}`);
    }
  }

  /** Right before firing: what each has done so far. */
  firing(): void {
    for (const { source } of this.#running) this.#tell(source, 'at-firing');
  }

  /** After firing: stops those that are not to go on. */
  async fired(): Promise<void> {
    await this.#stop(this.#running.filter(({ spec }) => spec.until === 'fired'));
  }

  /** Stops all of them. */
  async stop(): Promise<void> {
    clearInterval(this.#look);
    await this.#stop(this.#running);
  }

  async #stop(which: readonly { readonly source: Source; told: boolean }[]): Promise<void> {
    this.#watchFailures();
    for (const one of which) {
      if (one.told) continue;
      one.told = true;
      await one.source.stop();
      this.#tell(one.source, 'stopped');
    }
  }

  #tell(source: Source, state: 'started' | 'at-firing' | 'stopped' | 'failed'): void {
    const { count, forMs, failure } = source.tally();
    const why = failure === undefined ? {} : { why: failure };
    this.#guest?.fact({ fact: 'source', source: source.name, state, count, forMs, ...why });
  }

  #watchFailures(): void {
    for (const one of this.#running) {
      if (one.told || one.source.tally().failure === undefined) continue;
      one.told = true;
      this.#tell(one.source, 'failed');
      this.#guest?.watch.end('an interrupt source failed');
    }
  }

  async #pin(
    guest: LiveGuest,
    spec: Extract<SourceSpec, { pin: unknown }>,
    line: number | undefined,
  ): Promise<{ device: string; line: number }> {
    const what = `${sourceName(spec)} can be driven`;
    const not = (saw: string) => {
      guest.fact({ fact: 'proof', what, proved: false, saw });
      return stop(guest, `not proved: ${what}`);
    };
    const device = await guest.ioApicPath();
    if (device === undefined) return not('the machine has no IO-APIC in QEMU');
    if (line === undefined) return not(`no row of /proc/interrupts ties ${spec.pin} to an IO-APIC pin`);
    // QEMU asserts, and dies, on a line that the device does not have; its IO-APIC has 24 (IOAPIC_NUM_PINS).
    if (line >= 24) return not(`QEMU's IO-APIC has pins 0 to 23, not ${line}`);
    return { device, line };
  }

  async #orVoid(guest: LiveGuest, spec: SourceSpec, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof QtestError)) throw error;
      const what = `${sourceName(spec)} starts`;
      guest.fact({ fact: 'proof', what, proved: false, saw: error.message });
      stop(guest, `not proved: ${what}`);
    }
  }
}

function stop({ watch }: LiveGuest, why: string): never {
  watch.end(why);
  throw new RunEnded(why);
}
