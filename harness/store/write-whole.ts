import { writeWhole as write } from '../cache/write-whole.js';
import { storeFault } from './store-fault.js';

/**
 * Writes a text beside its place and renames it: readers see the old or the new, never a part. Mode 0600. Throws a
 * harness fault.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  try {
    await write(path, text, { mode: 0o600 });
  } catch (error) {
    throw storeFault('write', path, error);
  }
}
