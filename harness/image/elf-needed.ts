const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const NAME_LIMIT = 256;

/** Offsets in the ELF header and in a program header, by e_ident[EI_CLASS] (elf(5)). */
const LAYOUTS = {
  1: { table: 28, entrySize: 42, offset: 4, vaddr: 8, fileSize: 16, word: 4 },
  2: { table: 32, entrySize: 54, offset: 8, vaddr: 16, fileSize: 32, word: 8 },
} as const;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly size: number;
}

/**
 * Names of the shared libraries that a little-endian ELF file asks its loader for (DT_NEEDED), without running it: a
 * host need not be able to run 32-bit programs. Empty for a static one. Throws a RangeError when the file is damaged.
 */
export function neededLibraries(elf: Buffer): string[] {
  const layout = elf[4] === 1 ? LAYOUTS[1] : LAYOUTS[2];
  const word = (at: number) => (layout.word === 8 ? Number(elf.readBigUInt64LE(at)) : elf.readUInt32LE(at));
  const entrySize = elf.readUInt16LE(layout.entrySize);
  const segments = Array.from({ length: elf.readUInt16LE(layout.entrySize + 2) }, (_, index): Segment => {
    const at = word(layout.table) + index * entrySize;
    return {
      type: elf.readUInt32LE(at),
      offset: word(at + layout.offset),
      vaddr: word(at + layout.vaddr),
      size: word(at + layout.fileSize),
    };
  });
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const needed: number[] = [];
  let strings: number | undefined;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 2 * layout.word) {
    const [tag, value] = [word(at), word(at + layout.word)];
    if (tag === 0) break;
    if (tag === DT_NEEDED) needed.push(value);
    if (tag === DT_STRTAB) strings = fileOffset(segments, value);
  }
  const table = strings;
  if (table === undefined) return [];
  return needed.map((name) => {
    const start = table + name;
    const end = elf.indexOf(0, start);
    if (end < 0 || end - start > NAME_LIMIT) throw new RangeError('a library name has no end');
    return elf.toString('latin1', start, end);
  });
}

function fileOffset(segments: readonly Segment[], address: number): number | undefined {
  const holder = segments.find(
    ({ type, vaddr, size }) => type === PT_LOAD && address >= vaddr && address < vaddr + size,
  );
  return holder === undefined ? undefined : holder.offset + address - holder.vaddr;
}
