/** For tests: one entry of a newc archive. */
export interface NewcEntry {
  readonly path: string;
  /** st_mode: file type and permission bits. */
  readonly mode: number;
  /** Offset of the entry's header in the archive. */
  readonly headerAt: number;
  /** Offset and length of its contents, bytes. */
  readonly dataAt: number;
  readonly size: number;
}

// Format: Documentation/driver-api/early-userspace/buffer-format.rst in the kernel tree. 6 bytes of magic, then
// 13 fields of 8 hex digits: ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize check.
const MAGIC = '070701';
const HEADER_BYTES = 110;
const FIELD = { mode: 1, filesize: 6, namesize: 11 } as const;
const TRAILER = 'TRAILER!!!';

/** For tests: lists a newc archive's entries, without the trailer. Throws a RangeError naming the offset of damage. */
export function listNewc(archive: Buffer): NewcEntry[] {
  const entries: NewcEntry[] = [];
  let at = 0;
  for (;;) {
    if (at + HEADER_BYTES > archive.length || archive.toString('latin1', at, at + 6) !== MAGIC) {
      throw new RangeError(`no newc header at byte ${at}`);
    }
    const nameSize = field(archive, at, FIELD.namesize);
    const size = field(archive, at, FIELD.filesize);
    const nameAt = at + HEADER_BYTES;
    const dataAt = align4(nameAt + nameSize);
    if (nameSize < 1 || dataAt + size > archive.length)
      throw new RangeError(`entry at byte ${at} is cut off`);
    const path = archive.toString('utf8', nameAt, nameAt + nameSize - 1);
    if (path === TRAILER) return entries;
    entries.push({ path, mode: field(archive, at, FIELD.mode), headerAt: at, dataAt, size });
    at = align4(dataAt + size);
  }
}

function fieldAt(header: number, index: number): number {
  return header + MAGIC.length + index * 8;
}

function field(archive: Buffer, header: number, index: number): number {
  const start = fieldAt(header, index);
  const text = archive.toString('latin1', start, start + 8);
  if (!/^[0-9a-fA-F]{8}$/.test(text)) throw new RangeError(`bad number at byte ${start}`);
  return Number.parseInt(text, 16);
}

function align4(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}
