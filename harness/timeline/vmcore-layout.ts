import type { AddressRange, RunEvent, VmcoreLoad } from '../model/event.js';
import { PAGE_BYTES } from './chunk-sums.js';

/** A part of /proc/vmcore, and the physical memory that it shows; whole pages. */
export interface VmcorePiece {
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

/** Which memory /proc/vmcore shows where. */
export interface VmcoreLayout {
  /** In the order of the file, without overlaps. */
  readonly pieces: readonly VmcorePiece[];
  /** Memory that the crash image's ELF headers name and that /proc/vmcore does not show. */
  readonly leftOut: readonly VmcorePiece[];
  /** Segments whose virtual address is not that of the crash image's headers. */
  readonly addressesDiffer: number;
}

/** Below it lies what purgatory copies away, because the capture kernel boots there (kexec-tools, purgatory/arch/i386). */
const BACKED_UP_BYTES = 1024 * 1024;

/**
 * /proc/vmcore shows the segments of the ELF headers in the crash image, in their order, each from its first to its last
 * page: p_offset of such a header is a physical address, p_offset of /proc/vmcore's own header is its place in the file,
 * and the rest of both is equal (fs/proc/vmcore.c, process_ptload_program_headers_elf64(), v6.1). They differ from
 * p_paddr for the low memory, of which the crash image has a copy. `headers` undefined: the crash image's headers are not
 * known, and the low memory is left out.
 */
export function vmcoreLayout(
  loads: readonly VmcoreLoad[],
  { headers, sizeBytes }: { headers: readonly VmcoreLoad[] | undefined; sizeBytes: number },
): VmcoreLayout {
  const pieces: VmcorePiece[] = [];
  const leftOut: VmcorePiece[] = [];
  let addressesDiffer = 0;
  const shown = new Set<VmcoreLoad>();
  let end = 0;
  for (const load of loads) {
    const source = headers?.find(
      (header) =>
        !shown.has(header) && header.address === load.address && header.sizeBytes === load.sizeBytes,
    );
    const piece = wholePages(load, source?.offset ?? load.address);
    const bytes = Math.min(piece.bytes, sizeBytes - piece.offset);
    if (piece.offset < end || bytes <= 0) continue;
    end = piece.offset + bytes;
    if (source !== undefined) {
      shown.add(source);
      if (source.virtual !== load.virtual) addressesDiffer += 1;
      // The file ends before the segment does.
      const rest = { offset: 0, address: piece.address + bytes, bytes: piece.bytes - bytes };
      if (rest.bytes > 0) leftOut.push(rest);
    }
    if (headers === undefined ? load.address >= BACKED_UP_BYTES : source !== undefined)
      pieces.push({ ...piece, bytes });
  }
  for (const header of headers ?? []) {
    if (!shown.has(header)) leftOut.push({ ...wholePages(header, header.offset), offset: 0 });
  }
  return { pieces, leftOut, addressesDiffer };
}

/**
 * Memory of the kernel (`ram`) that no header names, whole pages; the reservation (`reserved`) belongs to none. Nor does
 * the low memory: a kernel with a reservation keeps nothing there, and its own headers (kexec_file_load) leave it out
 * (arch/x86/kernel/crash.c, elf_header_exclude_ranges(), since v5.5).
 */
export function unnamedMemory(
  headers: readonly VmcoreLoad[],
  { ram, reserved }: { ram: readonly AddressRange[]; reserved: readonly AddressRange[] },
): VmcorePiece[] {
  const named = [
    ...headers.map(({ address, sizeBytes }) => [address, address + sizeBytes] as const),
    ...reserved.map(({ first, last }) => [Number(first), Number(last) + 1] as const),
    [0, BACKED_UP_BYTES] as const,
  ].toSorted(([one], [other]) => one - other);
  return ram.flatMap(({ first, last }) => {
    const pieces: VmcorePiece[] = [];
    const end = Number(last) + 1;
    let from = Number(first);
    for (const [start, stop] of [...named, [end, end] as const]) {
      const to = Math.min(start, end);
      const address = Math.ceil(from / PAGE_BYTES) * PAGE_BYTES;
      const bytes = Math.floor(to / PAGE_BYTES) * PAGE_BYTES - address;
      if (bytes > 0) pieces.push({ offset: 0, address, bytes });
      from = Math.max(from, stop);
    }
    return pieces;
  });
}

/**
 * What the first kernel listed as its RAM right before firing, or else when the crash kernel was loaded, and the crash
 * kernel's reservation in it.
 */
export function crashedRam(events: readonly RunEvent[]): {
  readonly ram: readonly AddressRange[];
  readonly reserved: readonly AddressRange[];
} {
  const armed = events.findLast((event) => event.type === 'armed')?.armed;
  const firing = events.findLast((event) => event.type === 'firing');
  return { ram: firing?.ram ?? armed?.ram ?? [], reserved: armed?.ranges ?? [] };
}

/** The crashed kernel's memory, without the low memory, which the capture kernel uses as well. */
export function crashedMemory(events: readonly RunEvent[]): VmcorePiece[] {
  return unnamedMemory([], crashedRam(events));
}

function wholePages({ offset, sizeBytes }: VmcoreLoad, address: number): VmcorePiece {
  const before = address % PAGE_BYTES;
  return {
    offset: offset - before,
    address: address - before,
    bytes: Math.ceil((before + sizeBytes) / PAGE_BYTES) * PAGE_BYTES,
  };
}

/**
 * The address in `elfcorehdr=[size[KMG]@]address[KMG]`; the last one counts (kernel/crash_dump.c, setup_elfcorehdr(),
 * v6.1).
 */
export function elfcorehdrOf(commandLine: string): number | undefined {
  const last = commandLine.split(/\s+/).findLast((text) => text.startsWith('elfcorehdr='));
  const word = /^elfcorehdr=(?:\w{1,20}@)?(0x[0-9a-f]{1,13}|\d{1,15})([KMG]?)$/i.exec(last ?? '');
  if (word?.[1] === undefined) return undefined;
  const unit = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[(word[2] ?? '').toUpperCase()] ?? 1;
  const address = Number(word[1]) * unit;
  return Number.isSafeInteger(address) ? address : undefined;
}
