import { harnessFault } from '../model/fault.js';
import type { PlannedEntry } from './plan-image.js';

/** What an archive says of an entry. */
type NamedEntry = Pick<PlannedEntry, 'kind' | 'path' | 'mode'>;

/** An entry and the bytes of its file; directories have none. */
export interface ArchiveEntry<Entry extends NamedEntry = PlannedEntry> {
  readonly entry: Entry;
  readonly bytes?: Buffer | undefined;
}

/** More than any guest could unpack. */
const ARCHIVE_LIMIT_BYTES = 1024 ** 3;
/** GNU cpio pads an archive to a multiple of this; the kernel skips zeroes (init/initramfs.c, `do_reset`). */
const BLOCK_BYTES = 512;
const TRAILER = 'TRAILER!!!';
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

/**
 * Packs entries, parents before children, into a newc archive (Documentation/driver-api/early-userspace/
 * buffer-format.rst). Its bytes depend only on the entries: owner 0:0, mtime 0, inodes by position, no device numbers.
 * They are the bytes of GNU cpio with `--reproducible --owner=0:0`. It has no device nodes (devtmpfs makes them) and no
 * hard links. Throws a harness Fault for an archive of more than 1 GiB.
 */
export function packNewc(entries: readonly ArchiveEntry<NamedEntry>[]): Buffer {
  const parts = entries.flatMap(({ entry, bytes }, inode) => {
    const isDir = entry.kind === 'dir';
    const data = isDir || bytes === undefined ? Buffer.alloc(0) : bytes;
    const mode = (isDir ? S_IFDIR : S_IFREG) | entry.mode;
    // cpio copies a directory's links from its file system (2, or its children counted); the kernel does not read them.
    const head = header({ inode, mode, links: isDir ? 2 : 1, size: data.length, path: entry.path });
    return [head, data, zeroesTo(4, data.length)];
  });
  parts.push(header({ inode: 0, mode: 0, links: 1, size: 0, path: TRAILER }));
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  if (size > ARCHIVE_LIMIT_BYTES) {
    throw harnessFault(
      `cannot pack a guest image of "${size}" bytes: more than ${ARCHIVE_LIMIT_BYTES} would fit into no guest; name fewer modules`,
    );
  }
  return Buffer.concat([...parts, zeroesTo(BLOCK_BYTES, size)]);
}

/** Magic, 13 fields of 8 hex digits, the path with its NUL, and zeroes up to the data. */
function header(of: {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly size: number;
  readonly path: string;
}): Buffer {
  const path = Buffer.from(`${of.path}\0`);
  // ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize check
  const fields = [of.inode, of.mode, 0, 0, of.links, 0, of.size, 0, 0, 0, 0, path.length, 0];
  const digits = fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0'));
  const head = Buffer.from(`070701${digits.join('')}`, 'latin1');
  return Buffer.concat([head, path, zeroesTo(4, head.length + path.length)]);
}

/** Zeroes up to a multiple of `step` bytes. */
function zeroesTo(step: number, bytes: number): Buffer {
  return Buffer.alloc((step - (bytes % step)) % step);
}
