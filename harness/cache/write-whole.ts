import { open, rename, rm } from 'node:fs/promises';

let written = 0;

/**
 * Writes a temporary file next to the target and renames it: readers see the old or the new file, never a part. Throws
 * the file system's error and leaves nothing behind. (write-file-atomic 6 ignores short writes: on a disk that fills up
 * meanwhile it puts a truncated file in place. `FileHandle.writeFile` continues until everything is written, or fails.)
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  { mode = 0o666 }: { readonly mode?: number } = {},
): Promise<void> {
  written += 1;
  const temporary = `${path}.${process.pid}.${written}.tmp`;
  try {
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}
