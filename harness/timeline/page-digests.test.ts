import { randomFillSync } from 'node:crypto';
import t from 'tap';
import { chunkSums, PAGE_BYTES, patternPage, patternSum } from './chunk-sums.js';
import { PageDigests } from './page-digests.js';

/** Pages of which some are zero; the sums overflow. */
const MEMORY = randomFillSync(Buffer.alloc(8 * PAGE_BYTES))
  .fill(0, 0, PAGE_BYTES)
  .fill(0, 3 * PAGE_BYTES, 5 * PAGE_BYTES);

function digests(bytes: Buffer): PageDigests {
  const made = new PageDigests(bytes.length / PAGE_BYTES);
  made.digest(0, bytes);
  return made;
}

/** The sums word by word, as the program of the capture image forms them. */
function wordByWord(bytes: Buffer): string {
  let sum = 0n;
  let sumOfSums = 0n;
  for (let at = 0; at < bytes.length; at += 4) {
    sum = (sum + BigInt(bytes.readUInt32LE(at))) & 0xffffffffn;
    sumOfSums = (sumOfSums + sum) & 0xffffffffn;
  }
  return sum.toString(16).padStart(8, '0') + sumOfSums.toString(16).padStart(8, '0');
}

void t.test('the sums of pages are those of their bytes', (t) => {
  t.strictSame(chunkSums(MEMORY), { sums: wordByWord(MEMORY), zeroPages: 3 });
  t.strictSame(digests(MEMORY).chunkSums(), chunkSums(MEMORY));
  const part = MEMORY.subarray(2 * PAGE_BYTES, 6 * PAGE_BYTES);
  t.strictSame(digests(MEMORY).chunkSums(2, 6), chunkSums(part));
  t.strictSame(digests(MEMORY).chunkSums(2, 6, chunkSums(MEMORY)), {
    sums: wordByWord(Buffer.concat([MEMORY, part])),
    zeroPages: 5,
  });
  t.strictSame(new PageDigests(2).chunkSums(), chunkSums(Buffer.alloc(2 * PAGE_BYTES)), 'zeros at first');
  t.end();
});

void t.test('digests are taken over, and digested anew', (t) => {
  const copied = new PageDigests(10);
  copied.copy(1, digests(MEMORY));
  const moved = Buffer.concat([Buffer.alloc(PAGE_BYTES), MEMORY, Buffer.alloc(PAGE_BYTES)]);
  t.strictSame([copied.chunkSums(), copied.words], [chunkSums(moved), digests(moved).words]);
  copied.copy(1, digests(MEMORY), { fromFirst: 1, pages: 2 });
  MEMORY.copy(moved, PAGE_BYTES, PAGE_BYTES, 3 * PAGE_BYTES);
  t.strictSame(copied.chunkSums(), chunkSums(moved));
  copied.digest(1, Buffer.alloc(8 * PAGE_BYTES));
  t.strictSame(
    [copied.chunkSums(), copied.words],
    [{ sums: '0'.repeat(16), zeroPages: 10 }, new PageDigests(10).words],
  );
  t.end();
});

void t.test('the sum of pattern pages is that of their checksums', (t) => {
  const nonce = 'cp-95dddef831be59dd9314b614d865e2e5';
  for (const pages of [[], [0], [7, 1023], Array.from({ length: 1024 }, (_, page) => page)]) {
    let total = 0n;
    for (const page of pages) {
      const sums = wordByWord(patternPage(nonce, page));
      total += BigInt(`0x${sums.slice(8)}${sums.slice(0, 8)}`);
    }
    const wanted = BigInt.asUintN(64, total).toString(16).padStart(16, '0');
    t.equal(patternSum(nonce, pages), wanted, `${pages.length} pages`);
  }
  t.not(patternSum(nonce, [7]), patternSum(nonce, [8]));
  t.not(patternSum(nonce, [7]), patternSum(`${nonce}0`, [7]));
  t.end();
});
