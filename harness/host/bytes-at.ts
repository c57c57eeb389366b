import type { FileHandle } from 'node:fs/promises';

/** Bytes of a file at a position; fewer where it ends, whatever length is asked for. */
export async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { size } = await file.stat();
  const into = Buffer.alloc(Math.max(0, Math.min(length, size - position)));
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return into.subarray(0, done);
}
