import { randomFillSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import wabt from 'wabt';
import { PACKAGE_ROOT } from '../cli/context.js';
import { chunkSums, PAGE_BYTES } from './chunk-sums.js';
import { DIGEST_WORDS, digestKeys, digestPages, PROGRAM } from './page-digester.js';

/** More pages than the program takes at once, of which some are zero. */
const PAGES = 150;
const MEMORY = randomFillSync(Buffer.alloc(PAGES * PAGE_BYTES)).fill(0, 60 * PAGE_BYTES, 70 * PAGE_BYTES);

function digests(memory: Buffer): Uint32Array {
  const words = new Uint32Array((memory.length / PAGE_BYTES) * DIGEST_WORDS);
  digestPages(memory, words, 0);
  return words;
}

/** NH of a page as it is defined, word by word. */
function nh(page: Buffer): bigint {
  const keys = digestKeys();
  const word = (index: number) =>
    BigInt.asUintN(32, BigInt(page.readUInt32LE(index * 4)) + BigInt(keys[index] ?? 0));
  let sum = 0n;
  for (let index = 0; index < PAGE_BYTES / 4; index += 1) {
    if (index % 8 < 4) sum += word(index) * word(index + 4);
  }
  return BigInt.asUintN(64, sum);
}

void t.test('the program is its text, assembled', async (t) => {
  const file = join(PACKAGE_ROOT, 'harness/timeline/page-digester.wat');
  const assembler = await wabt();
  const { buffer } = assembler.parseWat(file, await readFile(file, 'utf8')).toBinary({});
  t.equal(Buffer.from(buffer).toString('base64'), PROGRAM);
});

void t.test('the program computes the sums and NH', (t) => {
  const words = digests(MEMORY);
  for (let number = 0; number < PAGES; number += 1) {
    const page = MEMORY.subarray(number * PAGE_BYTES, (number + 1) * PAGE_BYTES);
    const [sum = 0, sumOfSums = 0, low = 0, high = 0] = words.subarray(number * DIGEST_WORDS);
    const { sums, zeroPages } = chunkSums(page);
    const isRight =
      sums === [sum, sumOfSums].map((one) => one.toString(16).padStart(8, '0')).join('') &&
      ((BigInt(high) << 32n) | BigInt(low)) === (zeroPages === 1 ? 0n : nh(page));
    if (!isRight) t.fail(`page ${number}`);
  }
  t.end();
});

void t.test('every change of a bit, and of two that the sums do not see, changes a digest', (t) => {
  const page = Buffer.from(MEMORY.subarray(0, PAGE_BYTES));
  const before = digests(page).join();
  const seen = new Set([before]);
  for (let bit = 0; bit < PAGE_BYTES * 8; bit += 1) {
    page[bit >> 3] = (page[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    seen.add(digests(page).join());
    page[bit >> 3] = (page[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  }
  t.equal(seen.size, 1 + PAGE_BYTES * 8);
  // The highest bits of two words an even number of words apart: both sums stay.
  for (const at of [3, 11]) page[at] = (page[at] ?? 0) ^ 0x80;
  t.equal(chunkSums(page).sums, chunkSums(MEMORY.subarray(0, PAGE_BYTES)).sums);
  t.not(digests(page).join(), before);
  t.end();
});

void t.test('memory at any place of a buffer, digests at any page', (t) => {
  const room = new Uint32Array(4 * DIGEST_WORDS);
  digestPages(MEMORY.subarray(PAGE_BYTES, 3 * PAGE_BYTES), room, 1);
  const wanted = digests(MEMORY).slice(DIGEST_WORDS, 3 * DIGEST_WORDS);
  t.strictSame(room, Uint32Array.from([0, 0, 0, 0, ...wanted, 0, 0, 0, 0]));
  const odd = Buffer.from(new ArrayBuffer(PAGE_BYTES + 1), 1);
  MEMORY.copy(odd, 0, 0, PAGE_BYTES);
  t.strictSame(digests(odd), digests(MEMORY).slice(0, DIGEST_WORDS), 'aligned to nothing');
  t.end();
});
