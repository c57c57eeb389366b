import { type Machine, MachineFailure, type Memory } from '../machine/machine.js';
import type { RunEvent, VmcoreChunk, VmcoreLoad } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { isReserved } from '../timeline/armed.js';
import { CHUNK_BYTES, PAGE_BYTES } from '../timeline/chunk-sums.js';
import { loadsOf } from '../timeline/core-headers.js';
import { MemoryComparison } from '../timeline/memory-comparison.js';
import {
  elfcorehdrOf,
  type VmcoreLayout,
  type VmcorePiece,
  vmcoreLayout,
} from '../timeline/vmcore-layout.js';

/** How much is read from memory at once. */
const WINDOW_BYTES = 32 * CHUNK_BYTES;
/** A larger /proc/vmcore than this many times the memory is no image of it: the kernel's text is in it twice. */
const MOST_MEMORIES = 2;

/** What of a guest is needed to compare its memory. */
export interface ComparedGuest {
  readonly machine: Pick<Machine, 'abilities'>;
  readonly watch: { readonly events: readonly RunEvent[]; fact(fact: HostFact): void };
}

/**
 * After a capture kernel that has read all of /proc/vmcore and came to its end: reads the guest's memory from outside,
 * and records how it compares. Records nothing when there is nothing to compare, the machine cannot, or the run is
 * interrupted meanwhile.
 */
export async function compareMemory({ machine, watch }: ComparedGuest, memoryMiB: number): Promise<void> {
  const { memory } = machine.abilities;
  const stopped = watch.events.some(isStandstill);
  const reading = readingOf(watch.events);
  if (memory === undefined || reading === undefined || !stopped) return;
  if (reading.sizeBytes > MOST_MEMORIES * memoryMiB * CHUNK_BYTES) return;
  try {
    const headers = await imageHeaders(memory, watch.events);
    const layout = vmcoreLayout(reading.loads, { headers, sizeBytes: reading.sizeBytes });
    // The headers lie in the guest's memory, and can name any size.
    const leftOutBytes = layout.leftOut.reduce((sum, { bytes }) => sum + bytes, 0);
    if (leftOutBytes > MOST_MEMORIES * memoryMiB * CHUNK_BYTES) return;
    const isCut = () => watch.events.some(isInterrupt);
    const comparison = await compare(memory, reading, { ...layout, isCut });
    if (comparison !== undefined) watch.fact(comparison.fact());
  } catch (error) {
    // A machine that is gone shows no memory.
    if (!(error instanceof MachineFailure)) throw error;
  }
}

/** No vCPU runs any more: the machine is paused, or they are all halted for good. */
function isStandstill(event: RunEvent): boolean {
  return event.type === 'hang'
    ? event.shape === 'all-vcpus-halted'
    : event.type === 'shutdown' && event.byGuest;
}

function isInterrupt(event: RunEvent): boolean {
  return event.type === 'host' && event.fact.fact === 'interrupted';
}

/** What the capture kernel read. */
interface Reading {
  readonly sizeBytes: number;
  readonly loads: readonly VmcoreLoad[];
  readonly chunks: ReadonlyMap<number, VmcoreChunk>;
}

function readingOf(events: readonly RunEvent[]): Reading | undefined {
  const core = events.find((event) => event.type === 'vmcore');
  const end = events.find((event) => event.type === 'vmcore-read');
  if (core?.vmcore.loads === undefined || end === undefined) return undefined;
  const chunks = new Map<number, VmcoreChunk>();
  for (const event of events) {
    if (event.type !== 'vmcore-chunks') continue;
    event.chunks.forEach((chunk, index) => chunks.set(event.first + index, chunk));
  }
  return { sizeBytes: end.read.sizeBytes, loads: core.vmcore.loads, chunks };
}

/** The segments in the ELF headers of the crash image, which the first kernel's kexec wrote into the reservation. */
async function imageHeaders(
  memory: Memory,
  events: readonly RunEvent[],
): Promise<readonly VmcoreLoad[] | undefined> {
  const address = elfcorehdrOf(events.find((event) => event.type === 'capture-hello')?.commandLine ?? '');
  const armed = events.findLast((event) => event.type === 'armed')?.armed;
  if (address === undefined || armed === undefined || !isReserved(armed, BigInt(address))) return undefined;
  const loads = loadsOf(await memory.read(address, PAGE_BYTES));
  return loads.length === 0 ? undefined : loads;
}

/** Reads the memory in windows, in the order of the file; undefined when it is cut off. */
async function compare(
  memory: Memory,
  { sizeBytes, chunks }: Reading,
  { pieces, leftOut, isCut }: VmcoreLayout & { readonly isCut: () => boolean },
): Promise<MemoryComparison | undefined> {
  const comparison = new MemoryComparison(chunks);
  for (let start = 0; start < sizeBytes; start += WINDOW_BYTES) {
    if (isCut()) return undefined;
    const window = Buffer.alloc(inPages(Math.min(WINDOW_BYTES, sizeBytes - start)));
    const known = await fill(window, { memory, pieces, start });
    for (let at = 0; at < window.length; at += CHUNK_BYTES) {
      const chunk = window.subarray(at, at + CHUNK_BYTES);
      const unknownPages = chunk.length / PAGE_BYTES - (known.get(at) ?? 0);
      comparison.add((start + at) / CHUNK_BYTES, chunk, { unknownPages });
    }
  }
  for (const { address, bytes } of leftOut) {
    for (let at = 0; at < bytes; at += WINDOW_BYTES) {
      comparison.addLeftOut(await memory.read(address + at, Math.min(WINDOW_BYTES, bytes - at)));
    }
  }
  return comparison;
}

/** Copies the memory that belongs into a window of the file. Returns how many pages of each chunk are known. */
async function fill(
  window: Buffer,
  { memory, pieces, start }: { memory: Memory; pieces: readonly VmcorePiece[]; start: number },
): Promise<ReadonlyMap<number, number>> {
  const known = new Map<number, number>();
  for (const { offset, address, bytes } of pieces) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + bytes, start + window.length);
    if (from >= to) continue;
    (await memory.read(address + from - offset, to - from)).copy(window, from - start);
    for (let at = from - start; at < to - start; at += PAGE_BYTES) {
      const chunk = at - (at % CHUNK_BYTES);
      known.set(chunk, (known.get(chunk) ?? 0) + 1);
    }
  }
  return known;
}

function inPages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}
