/**
 * ELF files, read with bounds checks: they come from hosts and packages, and may be damaged or hostile. Layout: elf(5).
 * Little-endian files of both word widths. Pure.
 */

/** e_machine. */
export const EM_386 = 3;
export const EM_X86_64 = 62;
/** e_type of a relocatable file, which kernel modules are. */
export const ET_REL = 1;
/** p_type of the segment that names the loader. */
export const PT_INTERP = 3;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1;
const DT_STRTAB = 5;

/** Programs have about ten. */
const SEGMENTS_LIMIT = 256;
/** Longest path of a loader and name of a library, characters. */
const NAME_LIMIT = 256;

/** Offsets in the ELF header, in a program header and in a section header, by word width in bits. */
const LAYOUTS = {
  32: {
    wordBytes: 4,
    headerBytes: 52,
    segments: { table: 28, entrySize: 42, count: 44 },
    segment: { bytes: 32, offset: 4, vaddr: 8, fileSize: 16 },
    sections: { table: 32, entrySize: 46, count: 48, names: 50 },
    section: { bytes: 40, offset: 16, size: 20 },
  },
  64: {
    wordBytes: 8,
    headerBytes: 64,
    segments: { table: 32, entrySize: 54, count: 56 },
    segment: { bytes: 56, offset: 8, vaddr: 16, fileSize: 32 },
    sections: { table: 40, entrySize: 58, count: 60, names: 62 },
    section: { bytes: 64, offset: 24, size: 32 },
  },
} as const;

/** A program header; offsets and sizes in bytes, which may lie outside of the file. */
export interface ElfSegment {
  readonly type: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly fileSize: number;
}

/** The head of an ELF file. */
export interface Elf {
  readonly bits: 32 | 64;
  readonly machine: number;
  readonly type: number;
  readonly segments: readonly ElfSegment[];
}

/**
 * Reads header and program headers from the bytes of a file, or from its beginning: linkers put the program headers
 * first. Undefined when the bytes are no little-endian ELF file, or when its program headers are damaged.
 */
export function readElf(bytes: Buffer): Elf | undefined {
  const bits = widthOf(bytes);
  if (typeof bits === 'string') return undefined;
  const { headerBytes, segments: place, segment } = LAYOUTS[bits];
  if (bytes.length < headerBytes) return undefined;
  const table = wordAt(bytes, place.table, bits);
  const entrySize = bytes.readUInt16LE(place.entrySize);
  const count = bytes.readUInt16LE(place.count);
  const fits = entrySize >= segment.bytes && table + count * entrySize <= bytes.length;
  if (count > SEGMENTS_LIMIT || (count > 0 && !fits)) return undefined;
  const segments = Array.from({ length: count }, (_, index): ElfSegment => {
    const at = table + index * entrySize;
    return {
      type: bytes.readUInt32LE(at),
      offset: wordAt(bytes, at + segment.offset, bits),
      vaddr: wordAt(bytes, at + segment.vaddr, bits),
      fileSize: wordAt(bytes, at + segment.fileSize, bits),
    };
  });
  return { bits, type: bytes.readUInt16LE(16), machine: bytes.readUInt16LE(18), segments };
}

/** A program: its head, and its loader unless it is static (static-pie included). */
export interface ElfProgram extends Elf {
  readonly interpreter?: string | undefined;
}

/** As {@link readElf} for a whole file; undefined as well when the path of its loader lies outside of the file. */
export function inspectElf(bytes: Buffer): ElfProgram | undefined {
  const elf = readElf(bytes);
  const path = elf?.segments.find(({ type }) => type === PT_INTERP);
  if (elf === undefined || path === undefined) return elf;
  const end = path.offset + path.fileSize;
  if (path.fileSize > NAME_LIMIT || end > bytes.length) return undefined;
  return { ...elf, interpreter: bytes.toString('latin1', path.offset, end).replace(/\0.*$/s, '') };
}

/**
 * Names of the shared libraries that a file asks its loader for (DT_NEEDED), without running it: a host need not be
 * able to run 32-bit programs. Empty for a static one. Throws a RangeError when the file is damaged.
 */
export function neededLibraries(bytes: Buffer): string[] {
  const elf = readElf(bytes);
  if (elf === undefined) throw new RangeError('it is no ELF file, or its program headers are damaged');
  const dynamic = elf.segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const { wordBytes } = LAYOUTS[elf.bits];
  const needed: number[] = [];
  let strings: number | undefined;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.fileSize; at += 2 * wordBytes) {
    const [tag, value] = [wordAt(bytes, at, elf.bits), wordAt(bytes, at + wordBytes, elf.bits)];
    if (tag === 0) break;
    if (tag === DT_NEEDED) needed.push(value);
    if (tag === DT_STRTAB) strings = fileOffset(elf.segments, value);
  }
  const table = strings;
  if (table === undefined) return [];
  return needed.map((name) => {
    const start = table + name;
    const end = bytes.indexOf(0, start);
    if (end < 0 || end - start > NAME_LIMIT) throw new RangeError('a library name has no end');
    return bytes.toString('latin1', start, end);
  });
}

/** Content of the section of that name. Throws an Error with the reason when there is none, or the file is damaged. */
export function sectionNamed(bytes: Buffer, name: string): Buffer {
  const bits = widthOf(bytes);
  if (typeof bits === 'string') throw new Error(bits);
  const { headerBytes, sections: place, section } = LAYOUTS[bits];
  if (bytes.length < headerBytes) throw new Error('it is not an ELF file');
  const count = bytes.readUInt16LE(place.count);
  const table = wordAt(bytes, place.table, bits);
  const end = table + count * section.bytes;
  if (bytes.readUInt16LE(place.entrySize) !== section.bytes || end > bytes.length) {
    throw new Error('its section table is damaged');
  }
  const contentAt = (header: number): Buffer => {
    const start = wordAt(bytes, header + section.offset, bits);
    const size = wordAt(bytes, header + section.size, bits);
    if (start + size > bytes.length) throw new Error('a section lies outside of the file');
    return bytes.subarray(start, start + size);
  };
  const headers = Array.from({ length: count }, (_, index) => table + index * section.bytes);
  const namesHeader = headers[bytes.readUInt16LE(place.names)];
  if (namesHeader === undefined) throw new Error('it has no section names');
  const names = contentAt(namesHeader);
  const found = headers.find((header) => nameAt(names, bytes.readUInt32LE(header)) === name);
  if (found === undefined) throw new Error(`it has no ${name} section`);
  return contentAt(found);
}

/** Word width by the first bytes, or a text with the reason why there is none. */
function widthOf(bytes: Buffer): 32 | 64 | string {
  if (bytes.length < LAYOUTS[32].headerBytes || bytes.readUInt32BE(0) !== 0x7f454c46) {
    return 'it is not an ELF file';
  }
  const [width, order] = [bytes[4], bytes[5]];
  if ((width !== 1 && width !== 2) || order !== 1) return 'it is not a little-endian ELF file';
  return width === 2 ? 64 : 32;
}

/** A file offset, size or address. A value above 2^53 loses its low bits; it lies outside of any file. */
function wordAt(bytes: Buffer, at: number, bits: 32 | 64): number {
  return bits === 64 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at);
}

function nameAt(names: Buffer, start: number): string | undefined {
  if (start >= names.length) return undefined;
  const end = names.indexOf(0, start);
  return names.toString('latin1', start, end < 0 ? names.length : end);
}

function fileOffset(segments: readonly ElfSegment[], address: number): number | undefined {
  const holder = segments.find(
    ({ type, vaddr, fileSize }) => type === PT_LOAD && address >= vaddr && address < vaddr + fileSize,
  );
  return holder === undefined ? undefined : holder.offset + address - holder.vaddr;
}
