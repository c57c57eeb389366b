/** Bytes of a chunk of /proc/vmcore, and of a page. */
export const CHUNK_BYTES = 1024 * 1024;
export const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 4;

/** A page of zeros, to compare with: most pages are, and that takes 0.2 us (measured, Node 20). */
const ZERO_PAGE: Uint8Array = new Uint8Array(PAGE_BYTES);

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
  const words = wordsOf(bytes);
  const sums = continuedSums(before);
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    const { sum, sumOfSums } = pageSums(words, at);
    sums.add(sum, sumOfSums, isZeroPage(bytes, at));
  }
  return sums.sums();
}

/** Whether the page at an offset is all zero. A view of each page would be garbage for the collector. */
function isZeroPage(bytes: Buffer, at: number): boolean {
  return bytes.compare(ZERO_PAGE, 0, PAGE_BYTES, at, at + PAGE_BYTES) === 0;
}

/** The 32-bit words of memory that is aligned to 4 bytes. */
function wordsOf(bytes: Buffer): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** The two sums of the page at an offset in bytes, unsigned. */
function pageSums(words: Uint32Array, at: number): { readonly sum: number; readonly sumOfSums: number } {
  let sum = 0;
  let sumOfSums = 0;
  const end = at / 4 + PAGE_WORDS;
  for (let index = at / 4; index < end; index++) {
    sum = (sum + (words[index] ?? 0)) | 0;
    sumOfSums = (sumOfSums + sum) | 0;
  }
  return { sum: sum >>> 0, sumOfSums: sumOfSums >>> 0 };
}

/** Sums of pages, one after another. */
interface ContinuedSums {
  /** Adds a page, by its own two sums. */
  add(sum: number, sumOfSums: number, isZero: boolean): void;
  sums(): ChunkSums;
}

/** `before`: the result for what precedes the pages. */
export function continuedSums(before: ChunkSums = NOTHING): ContinuedSums {
  let sum = Number.parseInt(before.sums.slice(0, 8), 16) | 0;
  let sumOfSums = Number.parseInt(before.sums.slice(8), 16) | 0;
  let { zeroPages } = before;
  return {
    add(ofPage, sumsOfPage, isZero) {
      // Each sum within the page is greater by what precedes it.
      sumOfSums = (sumOfSums + Math.imul(sum, PAGE_WORDS) + sumsOfPage) | 0;
      sum = (sum + ofPage) | 0;
      if (isZero) zeroPages += 1;
    },
    sums: () => ({ sums: hex(sum) + hex(sumOfSums), zeroPages }),
  };
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** Lines of a pattern page, and bytes of a line. */
const LINES = 64;
const LINE_BYTES = PAGE_BYTES / LINES;

/**
 * The sum of the checksums of pattern pages, as the reader forms it: 64-bit numbers, the second sum in the high half.
 * `images/init/production` writes these pages. Their lines are alike, so that the sums follow from those of one line.
 */
export function patternSum(nonce: string, pages: readonly number[]): string {
  const line = Buffer.alloc(LINE_BYTES);
  const words = wordsOf(line);
  let total = 0n;
  for (const page of pages) {
    line.write(patternLine(nonce, page), 'latin1');
    let sum = 0;
    let sumOfSums = 0;
    for (const word of words) {
      sum = (sum + word) | 0;
      sumOfSums = (sumOfSums + sum) | 0;
    }
    // Each sum within a line is greater by those of the lines before it: 0 + 1 + ... + (LINES - 1) lines in all.
    const before = Math.imul(sum, (words.length * LINES * (LINES - 1)) / 2);
    const ofPage = (before + Math.imul(sumOfSums, LINES)) >>> 0;
    total += (BigInt(ofPage) << 32n) + BigInt(Math.imul(sum, LINES) >>> 0);
  }
  return (total & 0xffffffffffffffffn).toString(16).padStart(16, '0');
}

/** A pattern page. */
export function patternPage(nonce: string, page: number): Buffer {
  const bytes = Buffer.alloc(PAGE_BYTES);
  bytes.write(patternLine(nonce, page).repeat(LINES), 'latin1');
  return bytes;
}

function patternLine(nonce: string, page: number): string {
  return `crashpath ${page.toString(16).padStart(4, '0')} ${nonce.padEnd(48)}\n`;
}
