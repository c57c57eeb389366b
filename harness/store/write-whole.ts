import { open, rename, rm } from 'node:fs/promises';
import { storeFault } from './store-fault.js';

/**
 * Writes a text beside its place and renames it: readers see the old or the new, never a part. Mode 0600. Throws a
 * harness fault. (write-file-atomic 6 does not look at how much was written: on a disk that fills up meanwhile it
 * puts a torn file into place. `FileHandle.writeFile` goes on until everything is written, or fails.)
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw storeFault('write', path, error);
  }
}
