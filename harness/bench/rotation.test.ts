import t from 'tap';
import { parseRotation, rotated } from './rotation.js';

const DAY = new Date('2026-11-26T23:59:59Z');

void t.test('the parts are all rows, each row once', async (t) => {
  const rows = Array.from({ length: 11 }, (_, index) => index);
  const parts = [1, 2, 3].map((index) => rotated(rows, { index, of: 3 }));
  t.strictSame(parts[0], [0, 3, 6, 9]);
  t.strictSame(
    parts.flat().sort((a, b) => a - b),
    rows,
  );
});

void t.test('a part by number, or by the day', async (t) => {
  t.strictSame(parseRotation('2/3', DAY), { index: 2, of: 3 });
  const today = parseRotation('today/30', DAY);
  const tomorrow = parseRotation('today/30', new Date('2026-11-27T00:00:00Z'));
  t.equal(today.of, 30);
  t.equal(tomorrow.index, (today.index % 30) + 1, 'the next day is the next part');
  for (const bad of ['0/3', '4/3', '1/0', 'today/0', '1', 'x/3', '-1/3'])
    t.throws(() => parseRotation(bad, DAY), /^cannot use --rotate/, bad);
});
