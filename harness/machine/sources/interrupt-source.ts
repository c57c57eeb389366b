import { setTimeout as sleep } from 'node:timers/promises';
import { type QtestSourceSpec, sourceName } from '../../plan/source.js';
import { type Interrupts, MachineFailure, type Pulse } from '../machine.js';
import type { Source, Tally } from './source.js';

/** Pulses sent at once: QEMU's main loop lets the vCPUs run between two bundles. */
const MOST_AT_ONCE = 32;
const SHORTEST_PAUSE_MS = 1;
/** Generous: a slow source is no failure, and the run's own deadlines end a machine that does nothing. */
const BUNDLE_DEADLINE_MS = 120_000;

/** What a source drives. */
export interface SourceTarget {
  readonly interrupts: Pick<Interrupts, 'send'>;
  /** The IO-APIC's pin of a `pin` source; undefined when there is none. */
  readonly pin: number | undefined;
}

/** A source as data: the pulses at its start, at every period, and at its stop. */
interface Schedule {
  readonly first: readonly Pulse[];
  readonly pulse: readonly Pulse[];
  readonly last: readonly Pulse[];
  /** Pulses per second; undefined: none after the first ones. */
  readonly perSecond: number | 'max' | undefined;
}

/** A source that keeps a rate, on any machine with interrupt injection. */
export function interruptSource(spec: QtestSourceSpec, { interrupts, pin }: SourceTarget): Source {
  const schedule = scheduleOf(spec, pin);
  const stopping = new AbortController();
  let startedMs: number | undefined;
  let endedMs: number | undefined;
  let count = 0;
  let failure: string | undefined;
  let running = Promise.resolve();

  const run = async (perSecond: number | 'max', sinceMs: number): Promise<void> => {
    while (!stopping.signal.aborted) {
      const due =
        perSecond === 'max'
          ? MOST_AT_ONCE
          : Math.min(
              MOST_AT_ONCE,
              Math.floor(((performance.now() - sinceMs) * perSecond) / 1000) + 1 - count,
            );
      if (due > 0) {
        await interrupts.send(Array.from({ length: due }, () => schedule.pulse).flat(), {
          deadlineMs: BUNDLE_DEADLINE_MS,
        });
        count += due;
      } else {
        // An abort ends the pause early; the loop's condition sees it.
        await sleep(SHORTEST_PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  };

  return {
    name: sourceName(spec),
    async start() {
      await interrupts.send(schedule.first);
      startedMs = performance.now();
      if (schedule.perSecond === undefined) {
        count = 1;
        return;
      }
      running = run(schedule.perSecond, startedMs).catch((error: unknown) => {
        failure = error instanceof Error ? error.message : String(error);
        endedMs = performance.now();
      });
    },
    tally(): Tally {
      const nowMs = endedMs ?? performance.now();
      return { count, forMs: startedMs === undefined ? 0 : Math.round(nowMs - startedMs), failure };
    },
    async stop() {
      if (stopping.signal.aborted) return;
      stopping.abort();
      await running;
      endedMs ??= performance.now();
      try {
        await interrupts.send(schedule.last);
      } catch (error) {
        // A machine that is gone has no line to deassert.
        if (!(error instanceof MachineFailure && error.gone)) throw error;
      }
    },
  };
}

function scheduleOf(spec: QtestSourceSpec, pin: number | undefined): Schedule {
  if ('pin' in spec) {
    if (pin === undefined) throw new RangeError(`cannot drive pin "${spec.pin}": it was not found`);
    const [up, down] = [{ pin, level: 1 } as const, { pin, level: 0 } as const];
    return spec.drive === 'held'
      ? { first: [up], pulse: [], last: [down], perSecond: undefined }
      : { first: [], pulse: [up, down], last: [down], perSecond: spec.drive.pulsesPerSecond };
  }
  const message = 'vector' in spec ? { vector: spec.vector } : { nmi: true as const };
  const pulse = [{ vcpu: spec.cpu, message }];
  return spec.perSecond === 'once'
    ? { first: pulse, pulse: [], last: [], perSecond: undefined }
    : { first: [], pulse, last: [], perSecond: spec.perSecond };
}
