import { crc32 } from 'node:zlib';
import { PAGE_BYTES, ZERO_PAGE } from './chunk-sums.js';

/** Checksums (CRC-32) of pages of physical memory: four bytes for each page. */
export class PageSums {
  readonly #parts: { readonly firstPage: number; readonly sums: Uint32Array }[] = [];
  #pages = 0;

  /** How many pages are known. */
  get pages(): number {
    return this.#pages;
  }

  /** Adds the pages of `memory`, whole ones, which begin at `address`. */
  add(address: number, memory: Buffer): void {
    this.#parts.push({ firstPage: address / PAGE_BYTES, sums: sumsOf(memory) });
    this.#pages += memory.length / PAGE_BYTES;
  }

  /**
   * The addresses of the pages of `memory`, from `address` on, that are known and hold something else now. A page is
   * named once: /proc/vmcore shows the kernel's image twice.
   */
  changed(address: number, memory: Buffer): number[] {
    const now = sumsOf(memory);
    const firstPage = address / PAGE_BYTES;
    return this.#parts.flatMap((part) => {
      const pages: number[] = [];
      const end = Math.min(part.firstPage + part.sums.length, firstPage + now.length);
      for (let page = Math.max(part.firstPage, firstPage); page < end; page += 1) {
        const sum = now[page - firstPage] ?? 0;
        if (part.sums[page - part.firstPage] === sum) continue;
        part.sums[page - part.firstPage] = sum;
        pages.push(page * PAGE_BYTES);
      }
      return pages;
    });
  }
}

const ZERO_SUM = crc32(ZERO_PAGE);

function sumsOf(memory: Buffer): Uint32Array {
  const sums = new Uint32Array(memory.length / PAGE_BYTES);
  for (let page = 0; page < sums.length; page += 1) {
    const bytes = memory.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    sums[page] = bytes.equals(ZERO_PAGE) ? ZERO_SUM : crc32(bytes);
  }
  return sums;
}
