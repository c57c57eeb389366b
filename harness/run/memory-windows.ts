import { type Memory, MachineFailure } from '../machine/machine.js';
import { CHUNK_BYTES } from '../timeline/chunk-sums.js';

/** How much is read from memory at once. */
export const MEMORY_WINDOW_BYTES = 16 * CHUNK_BYTES;

/** Reading all memory of a guest with 768 MiB takes 2 s on this host, and 11 min over a link of 1 MB/s. */
const MOST_READING_MS = 5 * 60_000;

/**
 * The same memory, of which `bytes` are to be read. A read throws {@link MachineFailure} when all of it will take, or has
 * taken, longer than five minutes.
 */
export function withinTime(
  memory: Memory,
  { bytes, nowMs }: { readonly bytes: number; readonly nowMs: () => number },
): Memory {
  const startMs = nowMs();
  let readBytes = 0;
  return {
    async read(address, length) {
      const read = await memory.read(address, length);
      readBytes += length;
      const tookMs = nowMs() - startMs;
      const wholeMs = tookMs * Math.max(1, bytes / readBytes);
      if (wholeMs > MOST_READING_MS) {
        const minutes = Math.round(wholeMs / 60_000);
        const why = `the link to its host is slow: ${bytes} bytes would take ${minutes} min`;
        throw new MachineFailure(`cannot read the guest's memory in time: ${why}`, { gone: false });
      }
      return read;
    },
  };
}
