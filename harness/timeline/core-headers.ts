import type { VmcoreLoad } from '../model/event.js';

const PT_LOAD = 1;
const PT_NOTE = 4;

/** Offsets of fields in an ELF file's header and in its program headers (elf(5)). */
const LAYOUTS = {
  elf32: { phoff: 28, phentsize: 42, phnum: 44, entry: 32, offset: 4, vaddr: 8, paddr: 12, filesz: 16 },
  elf64: { phoff: 32, phentsize: 54, phnum: 56, entry: 56, offset: 8, vaddr: 16, paddr: 24, filesz: 32 },
} as const;

/** Room for 580 program headers: `images/init/capture` sends as many. */
export const HEADERS_BYTES = 32 * 1024;

/**
 * The PT_LOAD segments of an ELF core file of 32 or 64 bits, from its first bytes; headers behind their end are left out,
 * and so are segments whose numbers are not exact as JavaScript numbers.
 */
export function loadsOf(head: Buffer): VmcoreLoad[] {
  return segmentsOf(head, PT_LOAD);
}

/** As {@link loadsOf}, of its PT_NOTE segments: a crash image has one for each CPU and one for VMCOREINFO. */
export function noteSegmentsOf(head: Buffer): VmcoreLoad[] {
  return segmentsOf(head, PT_NOTE);
}

function segmentsOf(head: Buffer, type: number): VmcoreLoad[] {
  const layout = head[4] === 1 ? LAYOUTS.elf32 : head[4] === 2 ? LAYOUTS.elf64 : undefined;
  if (layout === undefined || head.length < layout.phnum + 2) return [];
  const word = (at: number) =>
    layout === LAYOUTS.elf32 ? head.readUInt32LE(at) : Number(head.readBigUInt64LE(at));
  const first = word(layout.phoff);
  const entryBytes = head.readUInt16LE(layout.phentsize);
  if (entryBytes < layout.entry) return [];
  const loads: VmcoreLoad[] = [];
  for (let index = 0; index < head.readUInt16LE(layout.phnum); index++) {
    const at = first + index * entryBytes;
    if (at + layout.entry > head.length) break;
    if (head.readUInt32LE(at) !== type) continue;
    const load = {
      offset: word(at + layout.offset),
      address: word(at + layout.paddr),
      virtual: (layout === LAYOUTS.elf32
        ? head.readUInt32LE(at + layout.vaddr)
        : head.readBigUInt64LE(at + layout.vaddr)
      ).toString(16),
      sizeBytes: word(at + layout.filesz),
    };
    const ends = [load.offset + load.sizeBytes, load.address + load.sizeBytes];
    if (load.sizeBytes > 0 && ends.every(Number.isSafeInteger)) loads.push(load);
  }
  return loads;
}
