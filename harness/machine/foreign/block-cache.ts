import type { PhysicalMemory } from '../../autopsy/physical-memory.js';
import type { PhysicalRange } from '../../hmp/memory.js';

const PAGE = 4096n;
/** One request to QEMU: its answer as text is 230 KiB. */
const BLOCK = 65_536n;
/** Kept of one machine: 512 MiB, twice the largest image. */
const MOST_BLOCKS = 8192;

/**
 * Physical memory that is read in blocks and kept: a machine that stands still is read once. Only addresses inside the
 * ranges are read, because a read elsewhere would be one of a device's register.
 */
export function blockCache(ranges: readonly PhysicalRange[], source: PhysicalMemory): PhysicalMemory {
  const kept = new Map<bigint, Promise<Buffer | undefined>>();
  const isMemory = (start: bigint, end: bigint) =>
    ranges.some((range) => start >= range.start && end <= range.end);
  const block = (start: bigint): Promise<Buffer | undefined> => {
    const known = kept.get(start);
    if (known !== undefined) return known;
    if (kept.size >= MOST_BLOCKS) kept.clear();
    const read = isMemory(start, start + BLOCK)
      ? source.read(start, Number(BLOCK))
      : Promise.resolve(undefined);
    kept.set(start, read);
    return read;
  };
  /** At most one block. */
  const part = async (address: bigint, length: number): Promise<Buffer | undefined> => {
    const end = address + BigInt(length);
    if (!isMemory(address, end)) return undefined;
    const start = address - (address % BLOCK);
    const whole = await block(start);
    if (whole !== undefined) return whole.subarray(Number(address - start), Number(end - start));
    // Some of the block is not there: only the pages are read that are asked for.
    const first = address - (address % PAGE);
    const last = end + ((PAGE - (end % PAGE)) % PAGE);
    const pages = isMemory(first, last) ? await source.read(first, Number(last - first)) : undefined;
    return pages?.subarray(Number(address - first), Number(end - first));
  };
  return {
    async read(address, length) {
      const parts: Buffer[] = [];
      const end = address + BigInt(length);
      for (let at = address; at < end; ) {
        const next = at - (at % BLOCK) + BLOCK;
        const until = next < end ? next : end;
        const read = await part(at, Number(until - at));
        if (read === undefined) return undefined;
        parts.push(read);
        at = until;
      }
      return parts.length === 1 ? parts[0] : Buffer.concat(parts);
    },
  };
}
