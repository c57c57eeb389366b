/** A request for guest memory: virtual address and length in bytes. It never crosses a page boundary. */
export interface MemoryRequest {
  readonly address: bigint;
  readonly length: number;
}

/** The bytes of a request, or undefined when they cannot be read (not mapped, no such page). */
export type MemoryAnswer = Uint8Array | undefined;

/** A computation that yields memory requests: `next(answer)` continues it. */
export type Reading<T> = Generator<MemoryRequest, T, MemoryAnswer>;

/** Guest memory as pages, each requested once. */
export interface PagedMemory {
  /** Bytes at an address, across pages; undefined when any of them cannot be read. */
  bytes(address: bigint, length: number): Reading<Uint8Array | undefined>;
  /** Eight bytes, little endian. */
  word(address: bigint): Reading<bigint | undefined>;
}

/** Bytes at hand: a saved stack page, a slice of a table. */
export interface MemoryRegion {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

const PAGE = 4096;
/** The longest read: more than the longest function. */
const MAX_READ_BYTES = 1024 * 1024;
/** Pages kept by one walk: 16 MiB. */
const MAX_PAGES = 4096;

/** Memory that caches pages for one walk; the guest must be stopped meanwhile. */
export function pagedMemory(): PagedMemory {
  const pages = new Map<bigint, MemoryAnswer>();
  function* page(base: bigint): Reading<MemoryAnswer> {
    if (pages.has(base)) return pages.get(base);
    if (pages.size >= MAX_PAGES) return undefined;
    const answer = yield { address: base, length: PAGE };
    const whole = answer === undefined || answer.length !== PAGE ? undefined : answer;
    pages.set(base, whole);
    return whole;
  }
  function* bytes(address: bigint, length: number): Reading<Uint8Array | undefined> {
    if (address < 0n || length < 0 || length > MAX_READ_BYTES) return undefined;
    if (address + BigInt(length) > 1n << 64n) return undefined;
    const result = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = address + BigInt(done);
      const offset = Number(at % BigInt(PAGE));
      const kept = yield* page(at - BigInt(offset));
      if (kept === undefined) return undefined;
      const part = kept.subarray(offset, Math.min(PAGE, offset + length - done));
      result.set(part, done);
      done += part.length;
    }
    return result;
  }
  function* word(address: bigint): Reading<bigint | undefined> {
    const read = yield* bytes(address, 8);
    return read === undefined ? undefined : wordAt(read, 0);
  }
  return { bytes, word };
}

/** The little-endian 64-bit word at a byte offset. The caller has checked the length. */
export function wordAt(bytes: Uint8Array, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset, true);
}

/** The unsigned little-endian number of some bytes. */
export function unsignedOf(bytes: Iterable<number>): bigint {
  return [...bytes].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** Runs a reading to its end with a reader that answers at once, such as saved regions. */
export function finishReading<T>(reading: Reading<T>, read: (request: MemoryRequest) => MemoryAnswer): T {
  let step = reading.next();
  while (step.done !== true) step = reading.next(read(step.value));
  return step.value;
}

/** Runs a reading to its end with a reader that takes time, such as a gdbstub. A rejection ends it. */
export async function finishReadingAsync<T>(
  reading: Reading<T>,
  read: (request: MemoryRequest) => Promise<MemoryAnswer>,
): Promise<T> {
  let step = reading.next();
  while (step.done !== true) step = reading.next(await read(step.value));
  return step.value;
}

/** A reader over saved regions. What no single region covers cannot be read. */
export function readFromRegions(regions: readonly MemoryRegion[]): (request: MemoryRequest) => MemoryAnswer {
  return ({ address, length }) => {
    for (const region of regions) {
      const offset = address - region.address;
      if (offset < 0n || offset + BigInt(length) > BigInt(region.bytes.length)) continue;
      return region.bytes.subarray(Number(offset), Number(offset) + length);
    }
    return undefined;
  };
}
