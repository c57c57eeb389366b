import { isGone } from '../autopsy/debugger.js';
import { suspensionIn } from '../classify/phases.js';
import { faultFact } from '../machine/fault-fact.js';
import { MissingAbility, need } from '../machine/machine.js';
import type { EventOf, RunEvent } from '../model/event.js';
import type { Place } from '../model/place.js';
import type { MemoryMap } from '../standstill/ram.js';
import { RunEnded } from './event-waits.js';
import { type Guest, isPassing } from './guest.js';
import { armedOf, findKernels, type KernelSources, symbolsOf } from './post-mortem.js';

/** What an examination needs to know of the run. */
export interface ExaminationNeeds extends KernelSources {
  readonly memory: MemoryMap;
  /** The machine has a device that writes to memory by itself: a network card. */
  readonly hasBusMaster: boolean;
  readonly accel: 'kvm' | 'tcg';
}

/**
 * Purgatory's digest and the decompressor are loops that end by themselves, after seconds on a busy host. To step through
 * one takes a second of the guest's time and more of the host's than ten seconds of samples.
 */
const COMPUTES: ReadonlySet<Place> = new Set(['after-jump', 'purgatory', 'capture-start']);
/** A vCPU that stands still there for so long is examined. */
const COMPUTED_MS = 5_000;

/** Earlier examinations of the same shape that give one the longest time (autopsy/examine.ts). */
const LONG = 4;

/**
 * Examines the guest at each suspicion, one at a time, until the run ends or it is stopped, and at a deadline: a guest
 * that works in many places raises no suspicion. The guest runs for at least as long as the last examination took: over
 * a slow link to an emulated host one takes 30 s (measured). A machine without debugger or monitor is never examined. A
 * guest that is not shown to hang continues. The returned function stops that, and resolves when no examination is under
 * way. A guest that cannot be continued is a harness fault, which is recorded.
 */
export function examineSuspicions(guest: Guest, needs: ExaminationNeeds): () => Promise<void> {
  const { watch, machine } = guest;
  if (machine.abilities.debugger === undefined || machine.abilities.monitor === undefined)
    return async () => undefined;
  const stopping = new AbortController();
  const stopped = new Promise<undefined>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(undefined));
  });
  const record = (error: unknown) => {
    // The end of a machine is recorded by itself.
    if (error instanceof RunEnded || error instanceof MissingAbility || isGone(error)) return;
    if (watch.ended === undefined) watch.fact(faultFact(error));
  };
  watch.lastLook = () => examineOnce(guest, needs, LONG).catch(record);
  const examining = (async () => {
    const past = new Set<RunEvent>(suspicionsOf(watch.events));
    let examinedBefore = 0;
    let lastedMs = Number.POSITIVE_INFINITY;
    let notBeforeMs = Number.NEGATIVE_INFINITY;
    while (!stopping.signal.aborted) {
      const isNew = (event: RunEvent) => !past.has(event);
      const suspicion = await Promise.race([watch.tryWaitFor('suspected-hang', isNew, 'totalMs'), stopped]);
      if (suspicion === undefined) return;
      const beganMs = watch.nowMs();
      if (beganMs < notBeforeMs || mayCompute(suspicion)) {
        past.add(suspicion);
        continue;
      }
      // A shape that is younger than the one before is another one.
      examinedBefore = suspicion.forMs > lastedMs ? examinedBefore + 1 : 0;
      lastedMs = suspicion.forMs;
      await examineOnce(guest, needs, examinedBefore);
      notBeforeMs = watch.nowMs() + (watch.nowMs() - beganMs);
      for (const event of suspicionsOf(watch.events)) past.add(event);
    }
  })().catch(record);
  return async () => {
    watch.lastLook = undefined;
    stopping.abort();
    await examining;
  };
}

/** Whether the only vCPUs that run are where a kernel computes, and not for long. */
function mayCompute({ vcpus, forMs }: EventOf<'suspected-hang'>): boolean {
  const running = vcpus.filter(({ halted }) => !halted);
  return running.length > 0 && running.every(({ place }) => COMPUTES.has(place)) && forMs < COMPUTED_MS;
}

function suspicionsOf(events: readonly RunEvent[]): RunEvent[] {
  return events.filter(({ type }) => type === 'suspected-hang');
}

async function examineOnce(guest: Guest, needs: ExaminationNeeds, examinedBefore: number): Promise<void> {
  const { watch, machine } = guest;
  const isOver = () =>
    watch.ended !== undefined ||
    // Its vCPUs would run on when a debugger continues it (measured with QEMU 7.2).
    suspensionIn(watch.events) !== undefined ||
    watch.events.some(({ type }) => type === 'shutdown' || type === 'hang');
  if (isOver()) return;
  // Loaded before the machine is stopped; most runs need no examination.
  const { examine } = await import('../autopsy/examine.js');
  if (isOver()) return;
  try {
    await guest.whileStopped(async (gdb) => {
      const examination = await examine({
        ...needs,
        examinedBefore,
        roundTripMs: need(machine, 'debugger').roundTripMs?.() ?? 0,
        gdb,
        held: guest.held,
        monitor: need(machine, 'monitor'),
        armed: armedOf(guest),
        panicked: watch.events.some((event) => event.type === 'panic' && event.side === 'production'),
        symbols: symbolsOf(await findKernels(guest, gdb, needs)),
        nowMs: () => watch.nowMs(),
        sleep: (forMs) => watch.sleep(forMs),
        printed: () => watch.receivedBytes,
      });
      if (examination !== undefined && !isOver()) watch.fact(examination);
    });
  } catch (error) {
    // A debugger that does not answer now may answer at the next suspicion.
    if (!isPassing(error)) throw error;
  }
}
