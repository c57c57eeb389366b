import { randomFillSync } from 'node:crypto';
import t from 'tap';
import type { BaseMemory, Memory } from '../machine/machine.js';
import { PAGE_BYTES } from '../timeline/chunk-sums.js';
import { PageDigests } from '../timeline/page-digests.js';
import { memoryDigests } from './memory-digests.js';
import { MEMORY_WINDOW_BYTES } from './memory-windows.js';

/** Around the end of a window, of 16 MiB. */
const AT = MEMORY_WINDOW_BYTES - 4 * PAGE_BYTES;
const BASE = randomFillSync(Buffer.alloc(8 * PAGE_BYTES));

function digests(bytes: Buffer): PageDigests {
  const made = new PageDigests(bytes.length / PAGE_BYTES);
  made.digest(0, bytes);
  return made;
}

/** A machine that has changed some pages of its base; what was read, by address in pages from {@link AT} on. */
function changed(pages: readonly number[], { base }: { base: BaseMemory | undefined }) {
  const now = base === undefined ? Buffer.alloc(BASE.length) : Buffer.from(BASE);
  for (const page of pages) now.fill('own', page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  const memory: Memory = {
    base,
    read: () => Promise.reject(new Error('everything is read')),
    async readOwn(address, into) {
      const first = (address - AT) / PAGE_BYTES;
      return Array.from({ length: into.length / PAGE_BYTES }, (_, page) => {
        const isOwn = pages.includes(first + page);
        if (isOwn)
          now.copy(into, page * PAGE_BYTES, (first + page) * PAGE_BYTES, (first + page + 1) * PAGE_BYTES);
        else into.fill('not to be used', page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
        return { first: page, end: page + 1, isOwn };
      });
    },
  };
  return { now, digested: memoryDigests(memory) };
}

void t.test('what a machine has not changed has the digests of its base, made once', async (t) => {
  const reads: number[] = [];
  const base: BaseMemory = {
    key: {},
    async read(address, into) {
      const from = address - AT;
      for (let at = 0; at < into.length; at += PAGE_BYTES) reads.push((from + at) / PAGE_BYTES);
      BASE.copy(into, 0, from, from + into.length);
    },
  };
  const first = changed([1, 6], { base });
  t.strictSame(await first.digested(AT, BASE.length), digests(first.now));
  t.strictSame(reads, [0, 2, 3, 4, 5, 7]);
  const second = changed([0, 4], { base: { ...base } });
  t.strictSame(await second.digested(AT, BASE.length), digests(second.now), 'another clone');
  t.strictSame(reads.slice(6), [1, 6], 'reads what is not known yet');
  t.strictSame(
    await second.digested(AT + 3 * PAGE_BYTES, 2 * PAGE_BYTES),
    digests(second.now.subarray(3 * PAGE_BYTES, 5 * PAGE_BYTES)),
    'a part',
  );
  const other = changed([], { base: { ...base, key: {} } });
  t.strictSame(await other.digested(AT, BASE.length), digests(BASE));
  t.equal(reads.length, 16, "another template's are its own");
});

void t.test('without a base they are zeros; where the host cannot tell, all is read', async (t) => {
  const fresh = changed([2], { base: undefined });
  t.strictSame(await fresh.digested(AT, BASE.length), digests(fresh.now));
  const read: Memory['read'] = async (_, bytes, { into = Buffer.alloc(bytes) } = {}) => {
    BASE.copy(into);
    return into;
  };
  t.strictSame(await memoryDigests({ read })(0, BASE.length), digests(BASE));
  const untold = memoryDigests({ read, readOwn: async () => undefined });
  t.strictSame(await untold(0, BASE.length), digests(BASE));
});
