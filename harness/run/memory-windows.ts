import { type Memory, MachineFailure } from '../machine/machine.js';
import { CHUNK_BYTES } from '../timeline/chunk-sums.js';

/** How much is read from memory at once. */
export const MEMORY_WINDOW_BYTES = 16 * CHUNK_BYTES;

/** Reading all memory of a guest with 768 MiB takes 2 s on this host, and 11 min over a link of 1 MB/s. */
const MOST_READING_MS = 5 * 60_000;

/** Windows that nobody uses: for fresh ones of this size the collector marks its whole heap (measured, Node 20). */
const IDLE: Buffer[] = [];

/**
 * Lends a window of memory, with any contents, to work that keeps nothing of it. After work that failed it is not lent
 * again: a read that nobody waits for any more may still write to it.
 */
export async function withWindow<T>(work: (window: Buffer) => Promise<T>): Promise<T> {
  const window = IDLE.pop() ?? Buffer.allocUnsafeSlow(MEMORY_WINDOW_BYTES);
  const result = await work(window);
  IDLE.push(window);
  return result;
}

/** Limits of the reading of a guest's memory. */
export interface ReadingLimits {
  readonly bytes: number;
  readonly nowMs: () => number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The same memory, of which `bytes` are to be read. A read fills `into`, or else memory that the next read overwrites:
 * for fresh buffers the collector marked the whole heap 78 times in one run (measured, Node 20). A read throws
 * {@link MachineFailure} when all of it will take, or has taken, longer than five minutes, and at once when `signal`
 * stops the run: a window may take minutes over a slow link.
 */
export function withinTime(memory: Memory, { bytes, nowMs, signal }: ReadingLimits): Memory {
  const startMs = nowMs();
  let readBytes = 0;
  let room: Buffer | undefined;
  const roomFor = (length: number) => {
    if (length > MEMORY_WINDOW_BYTES) return undefined;
    room ??= Buffer.allocUnsafeSlow(MEMORY_WINDOW_BYTES);
    return room.subarray(0, length);
  };
  const count = (length: number) => {
    readBytes += length;
    const tookMs = nowMs() - startMs;
    const wholeMs = tookMs * Math.max(1, bytes / readBytes);
    if (wholeMs <= MOST_READING_MS) return;
    const minutes = Math.round(wholeMs / 60_000);
    const why = `the link to its host is slow: ${bytes} bytes would take ${minutes} min`;
    throw new MachineFailure(`cannot read the guest's memory in time: ${why}`, { gone: false });
  };
  return {
    base: memory.base,
    async readOwn(address, into) {
      const runs = await orStopped(memory.readOwn?.(address, into) ?? Promise.resolve(undefined), signal);
      if (runs !== undefined) count(into.length);
      return runs;
    },
    async read(address, length, { into = roomFor(length) } = {}) {
      const read = inThere(await orStopped(memory.read(address, length, { into }), signal), into);
      count(length);
      return read;
    },
  };
}

/** A machine is free to return another buffer. */
function inThere(read: Buffer, into: Buffer | undefined): Buffer {
  if (into === undefined || read.buffer === into.buffer) return read;
  read.copy(into);
  return into;
}

function orStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(new MachineFailure('the run was stopped', { gone: false }));
    signal.addEventListener('abort', stop, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    if (signal.aborted) stop();
  });
}
