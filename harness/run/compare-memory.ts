import { type Machine, MachineFailure, type Memory } from '../machine/machine.js';
import type { RunEvent, VmcoreChunk, VmcoreLoad, VmcoreStart } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { isReserved } from '../timeline/armed.js';
import { CHUNK_BYTES, PAGE_BYTES } from '../timeline/chunk-sums.js';
import { HEADERS_BYTES, loadsOf, noteSegmentsOf } from '../timeline/core-headers.js';
import { notesSum } from '../timeline/vmcore.js';
import { MemoryComparison } from '../timeline/memory-comparison.js';
import { PageDigests } from '../timeline/page-digests.js';
import type { PageSums } from '../timeline/page-sums.js';
import {
  crashedRam,
  elfcorehdrOf,
  unnamedMemory,
  type VmcoreLayout,
  type VmcorePiece,
  vmcoreLayout,
} from '../timeline/vmcore-layout.js';
import { type DigestMemory, memoryDigests } from './memory-digests.js';
import { MEMORY_WINDOW_BYTES, withinTime } from './memory-windows.js';

/** A larger /proc/vmcore than this many times the memory is no image of it: the kernel's text is in it twice. */
const MOST_MEMORIES = 2;

/** Segments of notes that are read, and the bytes of one: the kernel's buffers have less than a page for each CPU. */
const MOST_NOTES = 512;
const MOST_NOTE_BYTES = 64 * 1024;

/** What of a guest is needed to compare its memory. */
export interface ComparedGuest {
  readonly machine: Pick<Machine, 'abilities'>;
  readonly watch: { readonly events: readonly RunEvent[]; fact(fact: HostFact): void; nowMs(): number };
}

/** Its memory, and the reading of it. */
export interface ComparedMemory {
  readonly memoryMiB: number;
  /** What it was when the capture kernel was jumped to; undefined: that is not known. */
  readonly atJump?: PageSums | undefined;
  /** Stops the reading. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * After a capture kernel that has read all of /proc/vmcore and came to its end: reads the guest's memory from outside,
 * and records how it compares with that, and with what it was at the jump (`atJump`). Records nothing when there is
 * nothing to compare, the machine cannot, or the run is interrupted meanwhile.
 */
export async function compareMemory(
  { machine, watch }: ComparedGuest,
  { memoryMiB, atJump, signal }: ComparedMemory,
): Promise<void> {
  const { memory } = machine.abilities;
  const stopped = watch.events.some(isStandstill);
  const reading = readingOf(watch.events);
  if (memory === undefined || reading === undefined || !stopped) return;
  if (reading.sizeBytes > MOST_MEMORIES * memoryMiB * CHUNK_BYTES) return;
  try {
    const image = await crashImage(memory, watch.events);
    const layout = vmcoreLayout(reading.loads, { headers: image?.loads, sizeBytes: reading.sizeBytes });
    const leftOut = [
      ...layout.leftOut,
      ...(image === undefined ? [] : unnamedMemory(image.loads, crashedRam(watch.events))),
    ];
    // The headers lie in the guest's memory, and can name any size.
    const leftOutBytes = leftOut.reduce((sum, { bytes }) => sum + bytes, 0);
    if (leftOutBytes > MOST_MEMORIES * memoryMiB * CHUNK_BYTES) return;
    const isCut = () => watch.events.some(isInterrupt);
    const bytes = reading.sizeBytes + leftOutBytes;
    const bounded = withinTime(memory, { bytes, nowMs: () => watch.nowMs(), signal });
    const comparison = await compare(bounded, reading, { ...layout, leftOut, isCut, atJump });
    if (image !== undefined && comparison !== undefined) {
      comparison.addHeaders({ addressesDiffer: layout.addressesDiffer });
      const notes = await imageNotes(memory, image.notes);
      if (notes !== undefined && reading.notesSum !== undefined)
        comparison.addHeaders({ notesDiffer: notes !== reading.notesSum });
    }
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
  readonly notesSum: string | undefined;
  readonly start: VmcoreStart | undefined;
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
  const { loads, notesSum: sum, start } = core.vmcore;
  return { sizeBytes: end.read.sizeBytes, loads, notesSum: sum, start, chunks };
}

/** The segments in the ELF headers of the crash image, which the first kernel's kexec wrote into the reservation. */
interface CrashImage {
  readonly loads: readonly VmcoreLoad[];
  readonly notes: readonly VmcoreLoad[];
}

async function crashImage(memory: Memory, events: readonly RunEvent[]): Promise<CrashImage | undefined> {
  const address = elfcorehdrOf(events.find((event) => event.type === 'capture-hello')?.commandLine ?? '');
  const armed = events.findLast((event) => event.type === 'armed')?.armed;
  if (address === undefined || armed === undefined || !isReserved(armed, BigInt(address))) return undefined;
  const head = await memory.read(address, HEADERS_BYTES);
  const loads = loadsOf(head);
  return loads.length === 0 ? undefined : { loads, notes: noteSegmentsOf(head) };
}

/** The sum of the notes that the crash image's headers name; undefined when they name too many, or too large ones. */
async function imageNotes(memory: Memory, segments: readonly VmcoreLoad[]): Promise<string | undefined> {
  if (segments.length > MOST_NOTES || segments.some(({ sizeBytes }) => sizeBytes > MOST_NOTE_BYTES))
    return undefined;
  const notes: Buffer[] = [];
  for (const { offset, sizeBytes } of segments) {
    const before = offset % PAGE_BYTES;
    notes.push((await memory.read(offset - before, inPages(before + sizeBytes))).subarray(before));
  }
  return notesSum(notes.map((bytes, index) => bytes.subarray(0, segments[index]?.sizeBytes)));
}

/** Reads the memory in windows, in the order of the file; undefined when it is cut off. */
async function compare(
  memory: Memory,
  { sizeBytes, chunks, start: startPart }: Reading,
  {
    pieces,
    leftOut,
    isCut,
    atJump,
  }: Pick<VmcoreLayout, 'pieces' | 'leftOut'> & {
    readonly isCut: () => boolean;
    readonly atJump: PageSums | undefined;
  },
): Promise<MemoryComparison | undefined> {
  const comparison = new MemoryComparison(chunks, atJump);
  const digested = memoryDigests(memory);
  const read: DigestMemory = async (address, bytes) => {
    const digests = await digested(address, bytes);
    comparison.addPhysical(address, digests);
    return digests;
  };
  for (let start = 0; start < sizeBytes; start += MEMORY_WINDOW_BYTES) {
    if (isCut()) return undefined;
    const bytes = inPages(Math.min(MEMORY_WINDOW_BYTES, sizeBytes - start));
    const { window, known } = await windowOf({ start, bytes }, { read, pieces });
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      const before = start + at === 0 && isAtStart(startPart, pieces) ? startPart : undefined;
      const first = (at + (before?.bytes ?? 0)) / PAGE_BYTES;
      const end = Math.min(at + CHUNK_BYTES, bytes) / PAGE_BYTES;
      const unknownPages = end - first - (known.get(at) ?? 0);
      comparison.add((start + at) / CHUNK_BYTES, window, { unknownPages, before, first, end });
    }
  }
  for (const { address, bytes } of leftOut) {
    for (let at = 0; at < bytes; at += MEMORY_WINDOW_BYTES) {
      comparison.addLeftOut(await read(address + at, Math.min(MEMORY_WINDOW_BYTES, bytes - at)));
    }
  }
  return comparison;
}

/** Whether the memory begins where the headers and the notes end, within the first chunk. */
function isAtStart(start: VmcoreStart | undefined, pieces: readonly VmcorePiece[]): boolean {
  return start !== undefined && start.bytes < CHUNK_BYTES && pieces[0]?.offset === start.bytes;
}

/** The memory that belongs into a window of the file, and how many pages of each chunk are known. */
async function windowOf(
  { start, bytes: windowBytes }: { readonly start: number; readonly bytes: number },
  { read, pieces }: { readonly read: DigestMemory; readonly pieces: readonly VmcorePiece[] },
): Promise<{ readonly window: PageDigests; readonly known: ReadonlyMap<number, number> }> {
  const window = new PageDigests(windowBytes / PAGE_BYTES);
  const known = new Map<number, number>();
  for (const { offset, address, bytes } of pieces) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + bytes, start + windowBytes);
    if (from >= to) continue;
    window.copy((from - start) / PAGE_BYTES, await read(address + from - offset, to - from));
    for (let at = from - start; at < to - start; ) {
      const chunk = at - (at % CHUNK_BYTES);
      const end = Math.min(chunk + CHUNK_BYTES, to - start);
      known.set(chunk, (known.get(chunk) ?? 0) + (end - at) / PAGE_BYTES);
      at = end;
    }
  }
  return { window, known };
}

function inPages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}
