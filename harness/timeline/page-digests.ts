import { type ChunkSums, continuedSums } from './chunk-sums.js';
import { DIGEST_WORDS, digestPages } from './page-digester.js';

/**
 * Digests of pages: the two sums that the capture kernel sends ({@link chunkSums}), of each page for itself, and NH, to see
 * whether a page has changed. Pages are zeros until they are digested.
 */
export class PageDigests {
  /** Of each page {@link DIGEST_WORDS} words; zeros for a page of zeros. */
  readonly words: Uint32Array;

  constructor(readonly pages: number) {
    this.words = new Uint32Array(pages * DIGEST_WORDS);
  }

  /** Digests whole pages of memory, which become the pages from `first` on. */
  digest(first: number, memory: Buffer): void {
    digestPages(memory, this.words, first);
  }

  /** Takes over so many pages of `from`, from its page `fromFirst` on; they become the pages from `first` on. */
  copy(
    first: number,
    from: PageDigests,
    { fromFirst = 0, pages = from.pages }: { readonly fromFirst?: number; readonly pages?: number } = {},
  ): void {
    const taken = from.words.subarray(fromFirst * DIGEST_WORDS, (fromFirst + pages) * DIGEST_WORDS);
    this.words.set(taken, first * DIGEST_WORDS);
  }

  /** What {@link chunkSums} gives for the pages from `first` to `end`. */
  chunkSums(first = 0, end = this.pages, before?: ChunkSums): ChunkSums {
    const sums = continuedSums(before);
    const { words } = this;
    for (let at = first * DIGEST_WORDS; at < end * DIGEST_WORDS; at += DIGEST_WORDS) {
      const sum = words[at] ?? 0;
      const sumOfSums = words[at + 1] ?? 0;
      const isZero = sum === 0 && sumOfSums === 0 && words[at + 2] === 0 && words[at + 3] === 0;
      sums.add(sum, sumOfSums, isZero);
    }
    return sums.sums();
  }
}
