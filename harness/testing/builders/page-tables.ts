import type { MemoryRequest } from '../../symbols/index.js';

const PAGE = 4096n;
/** Present, writable, user. */
const FLAGS = 7n;

/** Physical memory with page tables that are made in it. */
export class MadePhysicalMemory {
  readonly #words = new Map<bigint, bigint>();
  #free = 0x10_0000n;

  /** A page for a table; `pair`: two, the first at an even frame, as page-table isolation allocates them. */
  table(pair = false): bigint {
    if (pair && (this.#free & PAGE) !== 0n) this.#free += PAGE;
    const at = this.#free;
    this.#free += pair ? 2n * PAGE : PAGE;
    return at;
  }

  write(address: bigint, word: bigint): void {
    this.#words.set(address, word);
  }

  word(address: bigint): bigint {
    return this.#words.get(address) ?? 0n;
  }

  /** Maps a page of 4 KiB (level 1), 2 MiB (2) or 1 GiB (3) below a top table of some levels. */
  map(
    root: bigint,
    { from, to, levels = 4, level = 1 }: { from: bigint; to: bigint; levels?: number; level?: number },
  ): void {
    let table = root;
    for (let at = levels; at > level; at -= 1) {
      const slot = this.#slot(table, from, at);
      if (this.word(slot) === 0n) this.write(slot, this.table() | FLAGS);
      table = this.word(slot) & ~0xfffn;
    }
    this.write(this.#slot(table, from, level), to | FLAGS | (level > 1 ? 0x80n : 0n));
  }

  /** Physical memory, zero where nothing was written. */
  read({ address, length }: MemoryRequest): Buffer {
    const bytes = Buffer.alloc(length);
    for (let offset = 0; offset < length; offset += 1) {
      const at = address + BigInt(offset);
      bytes[offset] = Number((this.word(at & ~7n) >> (8n * (at & 7n))) & 0xffn);
    }
    return bytes;
  }

  #slot(table: bigint, address: bigint, level: number): bigint {
    return table + ((address >> (12n + 9n * BigInt(level - 1))) & 0x1ffn) * 8n;
  }
}
