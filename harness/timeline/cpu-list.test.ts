import t from 'tap';
import { parseCpuList } from './cpu-list.js';

void t.test('lists of CPUs as the kernel prints them', async (t) => {
  t.strictSame(parseCpuList('0\n'), [0]);
  t.strictSame(parseCpuList('0-1,3,6-7'), [0, 1, 3, 6, 7]);
  t.strictSame(parseCpuList('0-8191')?.length, 8192);
  for (const text of ['', '\n', '3-1', '0-8192', '0-99999', '1,', 'a', '-1', '0 1']) {
    t.equal(parseCpuList(text), undefined, text);
  }
});
