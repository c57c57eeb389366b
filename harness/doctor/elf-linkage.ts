const ELF_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const LITTLE_ENDIAN = 1;
const CLASS_32 = 1;
const CLASS_64 = 2;
const PT_INTERP = 3;
const PROGRAM_HEADERS_LIMIT = 256;

/** Bytes of a file's start that {@link elfLinkage} may need: linkers put the program headers first. */
export const ELF_HEAD_BYTES = 64 * 1024;

/**
 * How an executable finds its libraries: `dynamic` when it names an interpreter (PT_INTERP), `static` when not
 * (static-pie has none either), `not-elf` for anything else, a damaged header included. `head` is the start of
 * the file. Pure.
 */
export function elfLinkage(head: Buffer): 'static' | 'dynamic' | 'not-elf' {
  if (head.length < 64 || !head.subarray(0, 4).equals(ELF_MAGIC) || head[5] !== LITTLE_ENDIAN)
    return 'not-elf';
  const layout = headerLayout(head);
  if (layout === undefined) return 'not-elf';
  const { tableAt, entryBytes, entries } = layout;
  if (entries === 0 || entries > PROGRAM_HEADERS_LIMIT || entryBytes < 32) return 'not-elf';
  if (tableAt + entryBytes * entries > head.length) return 'not-elf';
  for (let index = 0; index < entries; index += 1) {
    if (head.readUInt32LE(tableAt + index * entryBytes) === PT_INTERP) return 'dynamic';
  }
  return 'static';
}

interface ProgramHeaders {
  readonly tableAt: number;
  readonly entryBytes: number;
  readonly entries: number;
}

/** e_phoff, e_phentsize and e_phnum, which stand elsewhere in 32-bit and 64-bit files. */
function headerLayout(head: Buffer): ProgramHeaders | undefined {
  if (head[4] === CLASS_64) {
    return {
      tableAt: Number(head.readBigUInt64LE(32)),
      entryBytes: head.readUInt16LE(54),
      entries: head.readUInt16LE(56),
    };
  }
  if (head[4] === CLASS_32) {
    return {
      tableAt: head.readUInt32LE(28),
      entryBytes: head.readUInt16LE(42),
      entries: head.readUInt16LE(44),
    };
  }
  return undefined;
}
