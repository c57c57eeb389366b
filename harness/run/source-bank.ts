import { setTimeout as sleep } from 'node:timers/promises';
import { MachineFailure } from '../machine/machine.js';
import { frameSource } from '../machine/sources/frame-source.js';
import { interruptSource } from '../machine/sources/interrupt-source.js';
import type { Source } from '../machine/sources/source.js';
import { type SourceSpec, sourceName } from '../plan/source.js';
import type { PinName } from '../proof/names.js';
import { findPins } from './irqchips.js';
import type { LiveGuest } from './live-guest.js';

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
    const pinOf = await findPins(
      guest,
      sources.flatMap((spec) => ('pin' in spec ? [spec.pin] : [])),
    );
    for (const spec of sources) {
      const source =
        'frames' in spec
          ? frameSource(spec, await guest.frames())
          : interruptSource(spec, {
              interrupts: guest.interrupts(),
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
      guest.require({ what, proved, saw: `${Math.round(rate)} per second` });
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
  ): Promise<number | undefined> {
    const what = `${sourceName(spec)} can be driven`;
    const why = whyNot(spec.pin, { pins: await guest.interrupts().ioApicPins(), line });
    if (why !== undefined) guest.require({ what, proved: false, saw: why });
    return line;
  }

  async #orVoid(guest: LiveGuest, spec: SourceSpec, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof MachineFailure)) throw error;
      guest.require({ what: `${sourceName(spec)} starts`, proved: false, saw: error.message });
    }
  }
}

/** Why a pin cannot be driven; QEMU asserts, and dies, on a line that a device does not have. */
function whyNot(
  pin: PinName,
  { pins, line }: { pins: number; line: number | undefined },
): string | undefined {
  if (pins === 0) return 'the machine has no IO-APIC in QEMU';
  if (line === undefined) return `no row of /proc/interrupts ties ${pin} to an IO-APIC pin`;
  return line < pins ? undefined : `QEMU's IO-APIC has pins 0 to ${pins - 1}, not ${line}`;
}
