import { PAGE_BYTES } from './chunk-sums.js';
import { DIGEST_WORDS } from './page-digester.js';
import type { PageDigests } from './page-digests.js';

/** What pages of physical memory were: their digests, 16 bytes for each page. */
export class PageSums {
  readonly #parts: { readonly firstPage: number; readonly pages: number; readonly words: Uint32Array }[] = [];
  #pages = 0;

  /** How many pages are known. */
  get pages(): number {
    return this.#pages;
  }

  /** Adds pages of memory, which begins at `address`. */
  add(address: number, { words, pages }: PageDigests): void {
    this.#parts.push({ firstPage: address / PAGE_BYTES, pages, words: words.slice() });
    this.#pages += pages;
  }

  /**
   * The addresses of the pages of memory, from `address` on, that are known and hold something else now. A page is
   * named once: /proc/vmcore shows the kernel's image twice.
   */
  changed(address: number, now: PageDigests): number[] {
    const nowFirst = address / PAGE_BYTES;
    const changed: number[] = [];
    for (const { firstPage, pages, words } of this.#parts) {
      const first = Math.max(firstPage, nowFirst);
      const end = Math.min(firstPage + pages, nowFirst + now.pages);
      for (let page = first; page < end; page += 1) {
        const was = (page - firstPage) * DIGEST_WORDS;
        const is = (page - nowFirst) * DIGEST_WORDS;
        if (isSame(words, was, now.words, is)) continue;
        words.set(now.words.subarray(is, is + DIGEST_WORDS), was);
        changed.push(page * PAGE_BYTES);
      }
    }
    return changed;
  }
}

function isSame(one: Uint32Array, at: number, other: Uint32Array, otherAt: number): boolean {
  for (let word = 0; word < DIGEST_WORDS; word += 1) {
    if (one[at + word] !== other[otherAt + word]) return false;
  }
  return true;
}
