import { crc32 } from 'node:zlib';
import {
  type ChunkSums,
  continuedSums,
  isZeroPage,
  PAGE_BYTES,
  pageSums,
  wordsOf,
  ZERO_PAGE,
} from './chunk-sums.js';

const ZERO_CRC = crc32(ZERO_PAGE);

/**
 * Checksums of pages: CRC-32, to see whether a page has changed, and the two sums that the capture kernel sends
 * ({@link chunkSums}), of each page for itself. Pages are zeros until they are digested.
 */
export class PageDigests {
  readonly crcs: Uint32Array;
  readonly #sums: Uint32Array;
  readonly #sumsOfSums: Uint32Array;

  constructor(readonly pages: number) {
    this.crcs = new Uint32Array(pages).fill(ZERO_CRC);
    this.#sums = new Uint32Array(pages);
    this.#sumsOfSums = new Uint32Array(pages);
  }

  /** Digests whole pages of memory, which become the pages from `first` on. */
  digest(first: number, memory: Buffer): void {
    const words = wordsOf(memory);
    for (let at = 0; at < memory.length; at += PAGE_BYTES) {
      const page = first + at / PAGE_BYTES;
      if (isZeroPage(memory, at)) {
        this.crcs[page] = ZERO_CRC;
        this.#sums[page] = 0;
        this.#sumsOfSums[page] = 0;
        continue;
      }
      const { sum, sumOfSums } = pageSums(words, at);
      this.crcs[page] = crc32(memory.subarray(at, at + PAGE_BYTES));
      this.#sums[page] = sum;
      this.#sumsOfSums[page] = sumOfSums;
    }
  }

  /** Takes over so many pages of `from`, from its page `fromFirst` on; they become the pages from `first` on. */
  copy(
    first: number,
    from: PageDigests,
    { fromFirst = 0, pages = from.pages }: { readonly fromFirst?: number; readonly pages?: number } = {},
  ): void {
    const end = fromFirst + pages;
    this.crcs.set(from.crcs.subarray(fromFirst, end), first);
    this.#sums.set(from.#sums.subarray(fromFirst, end), first);
    this.#sumsOfSums.set(from.#sumsOfSums.subarray(fromFirst, end), first);
  }

  /** What {@link chunkSums} gives for the pages from `first` to `end`. */
  chunkSums(first = 0, end = this.pages, before?: ChunkSums): ChunkSums {
    return continuedSums(this.#parts(first, end), before);
  }

  *#parts(first: number, end: number): Generator<{ sum: number; sumOfSums: number; isZero: boolean }> {
    for (let page = first; page < end; page += 1) {
      const sum = this.#sums[page] ?? 0;
      const sumOfSums = this.#sumsOfSums[page] ?? 0;
      yield { sum, sumOfSums, isZero: sum === 0 && sumOfSums === 0 && this.crcs[page] === ZERO_CRC };
    }
  }
}
