import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { MemoryHost } from '../host.js';

/** A file system in memory, on which templates keep theirs. */
const SHARED_MEMORY = '/dev/shm';
/** O_TMPFILE (include/uapi/asm-generic/fcntl.h, Linux 6.1), which node does not name: a file that has no name. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
/** A block of stat(2), bytes. */
const BLOCK = 512;

/**
 * Memory of templates on this host. A file has no name: the kernel frees it when the last process that has it open, or maps
 * it, is gone, however those end. QEMU opens it through this process.
 */
export const LOCAL_MEMORY: MemoryHost = {
  async openMemory() {
    const file = openSync(SHARED_MEMORY, O_TMPFILE | constants.O_RDWR | constants.O_EXCL, 0o600);
    return {
      path: `/proc/${process.pid}/fd/${file}`,
      taken: () => fstatSync(file).blocks * BLOCK,
      close: () => closeSync(file),
    };
  },
  async freeMemory() {
    const { bavail, bsize } = await statfs(SHARED_MEMORY);
    return { available: process.availableMemory(), inFiles: bavail * bsize };
  },
};
