import { setTimeout as sleep } from 'node:timers/promises';
import { type QtestSourceSpec, sourceName } from '../../model/source.js';
import { QtestClosedError, type QtestClient, type QtestCommand, setIrqIn } from '../../qemu/qtest/index.js';
import { apicIdOf, messageCommand } from '../qemu/msi.js';
import type { Source, Tally } from './source.js';

/** Beats sent in one go: QEMU's main loop gives the vCPUs a turn between two bundles. */
const MOST_AT_ONCE = 32;
const SHORTEST_PAUSE_MS = 1;
/** A slow source is a slow source; the run's own deadlines end a QEMU that does nothing at all. */
const BUNDLE_DEADLINE_MS = 120_000;

/** What a source drives. */
export interface Bench {
  readonly qtest: Pick<QtestClient, 'executeAll'>;
  readonly apicIds: ReadonlyMap<number, number>;
  /** The IO-APIC's path in QEMU's object tree, and the pin of a `pin` source; undefined when there is none. */
  readonly pin: { readonly device: string; readonly line: number } | undefined;
}

/** A source as data: what is sent at first, at every beat, and when it stops. */
interface Score {
  readonly first: readonly QtestCommand[];
  readonly beat: readonly QtestCommand[];
  readonly last: readonly QtestCommand[];
  /** Beats per second; undefined: none after the first commands. */
  readonly perSecond: number | 'max' | undefined;
}

/**
 * A source over the qtest channel, which QEMU serves from its main loop while the guest runs. Under TCG it is run and
 * measured (QEMU 7.2). Under KVM it should do the same by QEMU's source, and was not run: a write to an APIC's page
 * goes to hw/i386/kvm/apic.c, kvm_apic_mem_write() (KVM_SIGNAL_MSI), a pin to hw/i386/kvm/ioapic.c,
 * kvm_ioapic_set_irq() (KVM_IRQ_LINE).
 */
export function qtestSource(spec: QtestSourceSpec, bench: Bench): Source {
  const score = scoreOf(spec, bench);
  const { qtest } = bench;
  const stopping = new AbortController();
  let startedMs: number | undefined;
  let endedMs: number | undefined;
  let count = 0;
  let failure: string | undefined;
  let playing = Promise.resolve();

  const play = async (perSecond: number | 'max', sinceMs: number): Promise<void> => {
    while (!stopping.signal.aborted) {
      const due =
        perSecond === 'max'
          ? MOST_AT_ONCE
          : Math.min(
              MOST_AT_ONCE,
              Math.floor(((performance.now() - sinceMs) * perSecond) / 1000) + 1 - count,
            );
      if (due > 0) {
        await qtest.executeAll(Array.from({ length: due }, () => score.beat).flat(), {
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
      await qtest.executeAll(score.first);
      startedMs = performance.now();
      if (score.perSecond === undefined) {
        count = 1;
        return;
      }
      playing = play(score.perSecond, startedMs).catch((error: unknown) => {
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
      await playing;
      endedMs ??= performance.now();
      try {
        await qtest.executeAll(score.last);
      } catch (error) {
        // A QEMU that is gone has no line to let go.
        if (!(error instanceof QtestClosedError)) throw error;
      }
    },
  };
}

function scoreOf(spec: QtestSourceSpec, { apicIds, pin }: Bench): Score {
  if ('pin' in spec) {
    if (pin === undefined) throw new RangeError(`cannot drive pin "${spec.pin}": it was not found`);
    const [up, down] = [setIrqIn(pin, 1), setIrqIn(pin, 0)];
    return spec.drive === 'held'
      ? { first: [up], beat: [], last: [down], perSecond: undefined }
      : { first: [], beat: [up, down], last: [down], perSecond: spec.drive.pulsesPerSecond };
  }
  const message = 'vector' in spec ? { vector: spec.vector } : { nmi: true as const };
  const beat = [messageCommand(apicIdOf(spec.cpu, apicIds), message)];
  return spec.perSecond === 'once'
    ? { first: beat, beat: [], last: [], perSecond: undefined }
    : { first: [], beat, last: [], perSecond: spec.perSecond };
}
