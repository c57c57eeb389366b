import { isGone } from '../autopsy/debugger.js';
import { faultFact } from '../machine/fault-fact.js';
import type { Memory } from '../machine/machine.js';
import type { Armed } from '../model/event.js';
import { crashPathRank, type Place } from '../model/place.js';
import { CHUNK_BYTES } from '../timeline/chunk-sums.js';
import { PageSums } from '../timeline/page-sums.js';
import { readVcpus } from '../timeline/vcpus.js';
import { crashedMemory, type VmcorePiece } from '../timeline/vmcore-layout.js';
import { RunEnded } from './event-waits.js';
import { type Guest, isPassing } from './guest.js';
import { memoryDigests } from './memory-digests.js';
import { MEMORY_WINDOW_BYTES, withinTime } from './memory-windows.js';
import { armedOf } from './post-mortem.js';

/** What the crashed kernel left in memory. */
export interface MemoryAtJump {
  /** Undefined until it was summed. */
  sums: PageSums | undefined;
}

/**
 * Sums the crashed kernel's memory, with the machine stopped, when a sample first shows a vCPU beyond the crashed kernel:
 * from then on nobody has a right to write to it. The fact says how far the vCPUs were. Does nothing for a capture kernel
 * that is not asked to read all of /proc/vmcore, and when the memory cannot be read in time. Resolves when that is done
 * or the run ends. Never rejects: a guest that cannot be continued is recorded, and ends the run.
 */
export async function sumMemoryAtJump(
  guest: Guest,
  {
    memoryMiB,
    into,
    signal,
  }: { readonly memoryMiB: number; readonly into: MemoryAtJump; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { watch, machine } = guest;
  const { debugger: canStop, memory, monitor } = machine.abilities;
  if (canStop === undefined || memory === undefined || monitor === undefined) return;
  try {
    if ((await watch.tryWaitFor('jumped', () => true, 'totalMs')) === undefined) return;
    const armed = armedOf(guest);
    const pieces = crashedMemory(watch.events);
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    if (armed?.patterns === undefined || bytes === 0 || bytes > memoryMiB * CHUNK_BYTES) return;
    await guest.whileStopped(async () => {
      const nowMs = () => watch.nowMs();
      const startMs = nowMs();
      const place = furthestPlace(await monitor.registers(), armed);
      const sums = await pageSums(withinTime(memory, { bytes, nowMs, signal }), {
        pieces,
        isCut: () => watch.ended !== undefined,
      });
      if (sums === undefined) return;
      watch.fact({ fact: 'memory-at-jump', place, pages: sums.pages, tookMs: Math.round(nowMs() - startMs) });
      into.sums = sums;
    });
  } catch (error) {
    const isOver = error instanceof RunEnded || watch.ended !== undefined;
    if (!isOver && !isPassing(error) && !isGone(error)) watch.fact(faultFact(error));
  }
}

async function pageSums(
  memory: Memory,
  { pieces, isCut }: { readonly pieces: readonly VmcorePiece[]; readonly isCut: () => boolean },
): Promise<PageSums | undefined> {
  const sums = new PageSums();
  const digests = memoryDigests(memory);
  for (const { address, bytes } of pieces) {
    for (let at = 0; at < bytes; at += MEMORY_WINDOW_BYTES) {
      if (isCut()) return undefined;
      sums.add(address + at, await digests(address + at, Math.min(MEMORY_WINDOW_BYTES, bytes - at)));
    }
  }
  return sums;
}

function furthestPlace(registersText: string, armed: Armed): Place {
  const places = readVcpus(registersText, armed).map(({ place }) => place);
  return places.toSorted((one, other) => crashPathRank(other) - crashPathRank(one))[0] ?? 'first-kernel';
}
