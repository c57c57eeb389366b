import t from 'tap';
import { PAGE_BYTES } from './chunk-sums.js';
import { PageDigests } from './page-digests.js';
import { PageSums } from './page-sums.js';

const BYTES = Buffer.alloc(4 * PAGE_BYTES, 'memory');
const MEMORY = digests(BYTES);

function digests(bytes: Buffer): PageDigests {
  const made = new PageDigests(bytes.length / PAGE_BYTES);
  made.digest(0, bytes);
  return made;
}

void t.test('only pages that are known and differ are named, each once', async (t) => {
  const sums = new PageSums();
  sums.add(8 * PAGE_BYTES, MEMORY);
  sums.add(20 * PAGE_BYTES, MEMORY);
  t.equal(sums.pages, 8);
  t.strictSame(sums.changed(8 * PAGE_BYTES, MEMORY), []);
  const other = new PageDigests(16);
  t.strictSame(
    sums.changed(10 * PAGE_BYTES, other),
    [10, 11, 20, 21, 22, 23].map((page) => page * PAGE_BYTES),
  );
  t.strictSame(sums.changed(10 * PAGE_BYTES, other), [], 'again');
  t.strictSame(
    sums.changed(9 * PAGE_BYTES, digests(BYTES.subarray(PAGE_BYTES, 2 * PAGE_BYTES))),
    [],
    'unchanged',
  );
  t.strictSame(sums.changed(0, new PageDigests(1)), [], 'unknown');
});
