import type { BaseMemory, Memory } from '../machine/machine.js';
import { PAGE_BYTES } from '../timeline/chunk-sums.js';
import { PageDigests } from '../timeline/page-digests.js';
import { MEMORY_WINDOW_BYTES, withWindow } from './memory-windows.js';

/** Digests a range of physical memory, whole pages. Throws a MachineFailure. */
export type DigestMemory = (address: number, bytes: number) => Promise<PageDigests>;

/** Digests of a part of memory that does not change, as far as they are known. */
interface KnownDigests {
  readonly digests: PageDigests;
  /** 1 for each page that is known. */
  readonly known: Uint8Array;
}

/** Of each base, by the number of a window. They go with their key. */
const OF_BASES = new WeakMap<object, Map<number, KnownDigests>>();
const WINDOW_PAGES = MEMORY_WINDOW_BYTES / PAGE_BYTES;

/**
 * Digests memory. Where the machine tells which pages it changed, only those are read; the others have the digests of
 * the memory that it began with, which are made once for all clones of a template.
 */
export function memoryDigests(memory: Memory): DigestMemory {
  return async (address, bytes) => {
    if (bytes > MEMORY_WINDOW_BYTES) throw new RangeError(`cannot digest "${bytes}" bytes at once`);
    return await withWindow(async (window) => {
      const digests = new PageDigests(bytes / PAGE_BYTES);
      const into = window.subarray(0, bytes);
      const runs = await memory.readOwn?.(address, into);
      if (runs === undefined) {
        digests.digest(0, await memory.read(address, bytes, { into }));
        return digests;
      }
      for (const { first, end, isOwn } of runs) {
        if (isOwn) digests.digest(first, into.subarray(first * PAGE_BYTES, end * PAGE_BYTES));
        else if (memory.base !== undefined)
          await copyBase(memory.base, { into: digests, first, end, firstPage: address / PAGE_BYTES });
      }
      return digests;
    });
  };
}

/** Copies digests of the base; `firstPage`: the number of the memory's page that is the first one of `into`. */
async function copyBase(
  base: BaseMemory,
  {
    into,
    first,
    end,
    firstPage,
  }: {
    readonly into: PageDigests;
    readonly first: number;
    readonly end: number;
    readonly firstPage: number;
  },
): Promise<void> {
  for (let page = first; page < end; ) {
    const window = Math.floor((firstPage + page) / WINDOW_PAGES);
    const fromFirst = (firstPage + page) % WINDOW_PAGES;
    const pages = Math.min(end - page, WINDOW_PAGES - fromFirst);
    into.copy(page, await digestsOfBase(base, { window, first: fromFirst, end: fromFirst + pages }), {
      fromFirst,
      pages,
    });
    page += pages;
  }
}

/** The digests of a window, of which the pages from `first` to `end` are known then. */
async function digestsOfBase(
  base: BaseMemory,
  { window, first, end }: { readonly window: number; readonly first: number; readonly end: number },
): Promise<PageDigests> {
  const windows = OF_BASES.get(base.key) ?? new Map<number, KnownDigests>();
  OF_BASES.set(base.key, windows);
  const { digests, known } = windows.get(window) ?? {
    digests: new PageDigests(WINDOW_PAGES),
    known: new Uint8Array(WINDOW_PAGES),
  };
  windows.set(window, { digests, known });
  for (let page = first; page < end; ) {
    if (known[page] === 1) {
      page += 1;
      continue;
    }
    let unknownEnd = page + 1;
    while (unknownEnd < end && known[unknownEnd] === 0) unknownEnd += 1;
    const [first, last] = [page, unknownEnd];
    await withWindow(async (room) => {
      const memory = room.subarray(0, (last - first) * PAGE_BYTES);
      await base.read((window * WINDOW_PAGES + first) * PAGE_BYTES, memory);
      digests.digest(first, memory);
    });
    known.fill(1, page, unknownEnd);
    page = unknownEnd;
  }
  return digests;
}
