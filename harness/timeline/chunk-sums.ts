/** Bytes of a chunk of /proc/vmcore, and of a page. */
export const CHUNK_BYTES = 1024 * 1024;
export const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 4;

/** A page of zeros, to compare with: most pages are, and `equals` tells in 0.2 us (measured, Node 20). */
export const ZERO_PAGE: Uint8Array = new Uint8Array(PAGE_BYTES);

/** What is compared of a chunk. */
export interface ChunkSums {
  /** 16 hexadecimal digits. */
  readonly sums: string;
  readonly zeroPages: number;
}

const NOTHING: ChunkSums = { sums: '0'.repeat(16), zeroPages: 0 };

/**
 * The checksum of images/init/vmcore-reader.hex: the sum of the 32-bit little-endian words, then the sum of that sum
 * after each word, both modulo 2^32 (Fletcher's checksum). A page more or less of zeros, two words that changed places,
 * and any change of fewer than 32 bits in one word change it. `bytes` are whole pages, and no view of other memory that
 * is not aligned to 4 bytes. `before`: the result for what precedes them, to continue with.
 */
export function chunkSums(bytes: Buffer, before?: ChunkSums): ChunkSums {
  return continuedSums(pagesOf(bytes), before);
}

/** The two sums of a page for itself. */
interface OwnSums {
  readonly sum: number;
  readonly sumOfSums: number;
  readonly isZero: boolean;
}

function* pagesOf(bytes: Buffer): Generator<OwnSums> {
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    const page = bytes.subarray(at, at + PAGE_BYTES);
    const isZero = page.equals(ZERO_PAGE);
    yield isZero ? { sum: 0, sumOfSums: 0, isZero } : { ...pageSums(page), isZero };
  }
}

/** The two sums of the bytes of a page, unsigned. */
export function pageSums(page: Buffer): { readonly sum: number; readonly sumOfSums: number } {
  const words = new Uint32Array(page.buffer, page.byteOffset, PAGE_WORDS);
  let sum = 0;
  let sumOfSums = 0;
  for (let at = 0; at < PAGE_WORDS; at++) {
    sum = (sum + (words[at] ?? 0)) | 0;
    sumOfSums = (sumOfSums + sum) | 0;
  }
  return { sum: sum >>> 0, sumOfSums: sumOfSums >>> 0 };
}

/** The sums of pages, one after another, from their own ones. `before`: the result for what precedes them. */
export function continuedSums(pages: Iterable<OwnSums>, before: ChunkSums = NOTHING): ChunkSums {
  let sum = Number.parseInt(before.sums.slice(0, 8), 16) | 0;
  let sumOfSums = Number.parseInt(before.sums.slice(8), 16) | 0;
  let { zeroPages } = before;
  for (const page of pages) {
    // Each sum within the page is greater by what precedes it.
    sumOfSums = (sumOfSums + Math.imul(sum, PAGE_WORDS) + page.sumOfSums) | 0;
    sum = (sum + page.sum) | 0;
    if (page.isZero) zeroPages += 1;
  }
  return { sums: hex(sum) + hex(sumOfSums), zeroPages };
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/**
 * The sum of the checksums of pattern pages, as the reader forms it: 64-bit numbers, the second sum in the high half.
 * `images/init/production` writes these pages.
 */
export function patternSum(nonce: string, pages: readonly number[]): string {
  let total = 0n;
  for (const page of pages) {
    const { sums } = chunkSums(patternPage(nonce, page));
    total += BigInt(`0x${sums.slice(8)}${sums.slice(0, 8)}`);
  }
  return (total & 0xffffffffffffffffn).toString(16).padStart(16, '0');
}

/** A pattern page: 64 lines of 64 bytes. */
export function patternPage(nonce: string, page: number): Buffer {
  const line = `crashpath ${page.toString(16).padStart(4, '0')} ${nonce.padEnd(48)}\n`;
  const bytes = Buffer.alloc(PAGE_BYTES);
  bytes.write(line.repeat(64), 'latin1');
  return bytes;
}
