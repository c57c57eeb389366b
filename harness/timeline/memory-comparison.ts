import type { VmcoreChunk } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { CHUNK_BYTES, type ChunkSums, PAGE_BYTES } from './chunk-sums.js';
import type { PageDigests } from './page-digests.js';
import type { PageSums } from './page-sums.js';

/** Most offsets, or ranges of addresses, that are named of each kind. */
const NAMED_OFFSETS = 8;

/** Compares the chunks of /proc/vmcore with the memory behind them, one after another. */
export class MemoryComparison {
  readonly #chunks: ReadonlyMap<number, VmcoreChunk>;
  readonly #counts = { compared: 0, partly: 0, pagesMissing: 0, dataPages: 0 };
  readonly #differing: number[] = [];
  readonly #missing: number[] = [];
  #segmentsLeftOut = 0;
  #headers: { readonly notesDiffer?: boolean; readonly addressesDiffer?: number } = {};

  readonly #atJump: PageSums | undefined;
  readonly #changed: { first: number; end: number }[] = [];
  #pagesChanged = 0;

  /** `chunks`: what the capture kernel read, by number. `atJump`: what the memory was before. */
  constructor(chunks: ReadonlyMap<number, VmcoreChunk>, atJump?: PageSums) {
    this.#chunks = chunks;
    this.#atJump = atJump;
  }

  /** Memory from `address` on, wherever /proc/vmcore shows it. */
  addPhysical(address: number, memory: PageDigests): void {
    for (const page of this.#atJump?.changed(address, memory) ?? []) {
      this.#pagesChanged += 1;
      const last = this.#changed.at(-1);
      if (last?.end === page) last.end += PAGE_BYTES;
      else if (this.#changed.length <= NAMED_OFFSETS)
        this.#changed.push({ first: page, end: page + PAGE_BYTES });
    }
  }

  /**
   * The memory of a chunk, pages `first` to `end` of `memory`; zeros where the host does not know what /proc/vmcore should
   * hold. `before`: the sums of what precedes it in the chunk and is no memory.
   */
  add(
    number: number,
    memory: PageDigests,
    {
      unknownPages,
      before,
      first = 0,
      end = memory.pages,
    }: {
      readonly unknownPages: number;
      readonly before?: ChunkSums | undefined;
      readonly first?: number;
      readonly end?: number;
    },
  ): void {
    const { sums, zeroPages } = memory.chunkSums(first, end, before);
    const counts = this.#counts;
    counts.dataPages += end - first - (zeroPages - (before?.zeroPages ?? 0));
    const read = this.#chunks.get(number);
    const isWhole = read !== undefined && unknownPages === 0;
    if (isWhole) counts.compared += 1;
    else counts.partly += 1;
    if (read === undefined) return;
    const missing = Math.max(0, read.zeroPages - zeroPages);
    counts.pagesMissing += missing;
    if (missing > 0) this.#missing.push(number * CHUNK_BYTES);
    else if (isWhole && read.sums !== sums) this.#differing.push(number * CHUNK_BYTES);
  }

  /** Memory that belongs into /proc/vmcore and is in none of its segments. */
  addLeftOut(memory: PageDigests): void {
    const data = memory.pages - memory.chunkSums().zeroPages;
    this.#counts.dataPages += data;
    this.#counts.pagesMissing += data;
    this.#segmentsLeftOut += 1;
  }

  /** How the notes and the headers of the vmcore compare with those of the crash image. */
  addHeaders(headers: { readonly notesDiffer?: boolean; readonly addressesDiffer?: number }): void {
    this.#headers = { ...this.#headers, ...headers };
  }

  /** The result as a fact of the host. */
  fact(): Extract<HostFact, { fact: 'memory-compared' }> {
    const { compared, partly } = this.#counts;
    const differing = this.#differing.length;
    const saw = [
      `${compared} chunks compared, ${partly} known in part`,
      offsets('pages missing at', this.#missing),
      offsets('other differences at', this.#differing),
      this.#changedText(),
      this.#segmentsLeftOut === 0 ? '' : 'a segment of memory is not in /proc/vmcore',
      this.#headers.notesDiffer === true ? 'the notes are not those of the crash image' : '',
      (this.#headers.addressesDiffer ?? 0) > 0 ? 'virtual addresses are not those of the crash image' : '',
    ];
    return {
      fact: 'memory-compared',
      chunkBytes: CHUNK_BYTES,
      ...this.#counts,
      ...this.#headers,
      ...(this.#atJump !== undefined && { pagesChanged: this.#pagesChanged }),
      differing,
      saw: saw.filter((part) => part !== '').join('; '),
    };
  }

  #changedText(): string {
    if (this.#pagesChanged === 0) return '';
    const named = this.#changed
      .slice(0, NAMED_OFFSETS)
      .map(({ first, end }) => `0x${first.toString(16)}-0x${(end - 1).toString(16)}`);
    const more = this.#changed.length > named.length ? ', ...' : '';
    return `${this.#pagesChanged} pages overwritten after the jump, at physical ${named.join(', ')}${more}`;
  }
}

function offsets(what: string, at: readonly number[]): string {
  if (at.length === 0) return '';
  const named = at.slice(0, NAMED_OFFSETS).map((offset) => `0x${offset.toString(16)}`);
  return `${what} ${named.join(', ')}${at.length > named.length ? ', ...' : ''}`;
}
