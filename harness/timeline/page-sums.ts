import { PAGE_BYTES } from './chunk-sums.js';
import type { PageDigests } from './page-digests.js';

/** Checksums of pages of physical memory: four bytes for each page. */
export class PageSums {
  readonly #parts: { readonly firstPage: number; readonly crcs: Uint32Array }[] = [];
  #pages = 0;

  /** How many pages are known. */
  get pages(): number {
    return this.#pages;
  }

  /** Adds pages of memory, which begins at `address`. */
  add(address: number, { crcs, pages }: PageDigests): void {
    this.#parts.push({ firstPage: address / PAGE_BYTES, crcs: crcs.slice() });
    this.#pages += pages;
  }

  /**
   * The addresses of the pages of memory, from `address` on, that are known and hold something else now. A page is
   * named once: /proc/vmcore shows the kernel's image twice.
   */
  changed(address: number, { crcs: now }: PageDigests): number[] {
    const firstPage = address / PAGE_BYTES;
    return this.#parts.flatMap((part) => {
      const pages: number[] = [];
      const end = Math.min(part.firstPage + part.crcs.length, firstPage + now.length);
      for (let page = Math.max(part.firstPage, firstPage); page < end; page += 1) {
        const crc = now[page - firstPage] ?? 0;
        if (part.crcs[page - part.firstPage] === crc) continue;
        part.crcs[page - part.firstPage] = crc;
        pages.push(page * PAGE_BYTES);
      }
      return pages;
    });
  }
}
