import t from 'tap';
import { CHUNK_BYTES, chunkSums, PAGE_BYTES } from './chunk-sums.js';
import { MemoryComparison } from './memory-comparison.js';
import { PageDigests } from './page-digests.js';
import { PageSums } from './page-sums.js';

/** Memory with data in every page, and what the capture kernel says about it. */
const memory = Buffer.alloc(CHUNK_BYTES, 'data');
const read = (bytes: Buffer) => new Map([[0, { ...chunkSums(bytes), unreadablePages: 0 }]]);

function digests(bytes: Buffer): PageDigests {
  const made = new PageDigests(bytes.length / PAGE_BYTES);
  made.digest(0, bytes);
  return made;
}

function compared(vmcore: Buffer, unknownPages = 0, inMemory = memory) {
  const comparison = new MemoryComparison(read(vmcore));
  comparison.add(0, digests(inMemory), { unknownPages });
  return comparison.fact();
}

void t.test('equal, missing and differing chunks', async (t) => {
  t.match(compared(memory), { compared: 1, differing: 0, pagesMissing: 0, dataPages: 256 });
  const zeros = Buffer.from(memory).fill(0, PAGE_BYTES, 3 * PAGE_BYTES);
  t.match(compared(zeros), { differing: 0, pagesMissing: 2, saw: /pages missing at 0x0/ });
  t.match(
    compared(memory, 0, zeros),
    { differing: 1, pagesMissing: 0, dataPages: 254 },
    'the other way round',
  );
  const bit = Buffer.from(memory);
  bit.writeUInt8(bit.readUInt8(5000) ^ 1, 5000);
  t.match(compared(bit), { differing: 1, pagesMissing: 0 });
  const moved = Buffer.from(memory).fill('atad', 0, 4).fill('x', 8, 9);
  const back = Buffer.from(memory).fill('x', 0, 1).fill('atad', 8, 12);
  t.not(chunkSums(moved).sums, chunkSums(back).sums, 'the order counts');
});

void t.test('pages that were overwritten since the jump', async (t) => {
  const at = 16 * CHUNK_BYTES;
  const changed = (now: Buffer, sums = new PageSums()) => {
    sums.add(at, digests(memory));
    const comparison = new MemoryComparison(read(now), sums);
    comparison.add(0, digests(now), { unknownPages: 0 });
    comparison.addPhysical(at, digests(now));
    // The kernel's image is in /proc/vmcore twice.
    comparison.addPhysical(at, digests(now));
    return comparison.fact();
  };
  t.match(changed(memory), { differing: 0, pagesChanged: 0, saw: /^1 chunks compared, 0 known in part$/ });
  const page = Buffer.from(memory).fill('x', 8191, 8192);
  t.match(changed(page), { differing: 0, pagesChanged: 1, saw: /; 1 pages .* 0x1001000-0x1001fff$/ });
  const parts = Buffer.from(memory);
  for (let part = 0; part < 20; part += 2) parts.fill('x', part * PAGE_BYTES, (part + 1) * PAGE_BYTES);
  t.match(changed(parts), { pagesChanged: 10, saw: /0x100e000-0x100efff, \.\.\.$/ });
  t.match(changed(Buffer.alloc(CHUNK_BYTES)), { pagesChanged: 256, saw: /0x1000000-0x10fffff$/ });
  t.notHas(compared(memory), { pagesChanged: 0 }, 'not known');
});

void t.test('pages that the host does not know are not missing', async (t) => {
  const partly = Buffer.from(memory).fill(0, 0, PAGE_BYTES);
  t.match(compared(memory, 1, partly), { compared: 0, partly: 1, differing: 0, pagesMissing: 0 });
  const zeros = Buffer.from(memory).fill(0, 0, 4 * PAGE_BYTES);
  t.match(compared(zeros, 1, partly), { partly: 1, pagesMissing: 3 }, 'but the others are');
});

void t.test(
  'memory outside of every segment is missing, a chunk without a report is not compared',
  async (t) => {
    const comparison = new MemoryComparison(new Map());
    comparison.add(0, digests(memory), { unknownPages: 0 });
    comparison.addLeftOut(digests(memory.subarray(0, 2 * PAGE_BYTES)));
    t.match(comparison.fact(), { compared: 0, partly: 1, pagesMissing: 2, dataPages: 258 });
  },
);
