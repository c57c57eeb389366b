import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { fixtureNames, TESTDATA } from '../testing/recordings/fixtures.js';
import { createPatternSet, type PatternRow } from './pattern-set.js';
import { kernelMessage } from './printk.js';
import { LOG_SIGNATURES } from './log-signatures.js';
import { SIGNATURES } from './signatures.js';

const row = (message: string, needs?: string): PatternRow => ({ pattern: kernelMessage(message), needs });

t.test('the rows that match, in their order', async (t) => {
  const [a, b, any, digits] = [row('a'), row('(a)b'), row('.b', 'b'), row(String.raw`(\d)(\d)`)];
  const set = createPatternSet([a, b, any, digits] as const);
  t.strictSame(set.matching('x'), []);
  t.strictSame(set.matching('a'), [a]);
  t.strictSame(set.matching('12'), [digits]);
  t.strictSame(set.matching('cb'), [any], 'one that begins with anything');
  t.strictSame(set.matching('ab'), [a, b, any], 'more than one');
  t.strictSame(set.matching('12 [    0.000001] ab'), [a, b, any, digits], 'at two places');
  t.strictSame(createPatternSet([]).matching('a'), []);
  t.throws(() => createPatternSet([{ pattern: /a/ }]), /not made by kernelMessage/);
});

t.test('lines that match any combination of very many rows', async (t) => {
  const rows = Array.from({ length: 12 }, (_none, number) => row(`${String.fromCharCode(97 + number)}!`));
  const set = createPatternSet(rows);
  for (let subset = 1; subset < 4_096; subset += 7) {
    const chosen = rows.filter((_row, number) => (subset >> number) % 2 === 1);
    const line = chosen.map((one) => `[    0.000001] ${one.pattern.source.slice(-3, -1)}`).join(' ');
    const found = set.matching(line);
    if (found.length !== chosen.length || found.some((one, at) => one !== chosen[at])) t.fail(line);
  }
  t.strictSame(set.matching('[    0.000001] m!'), []);
});

t.test('all lines of all recordings match the same rows as one by one', async (t) => {
  const rows: readonly PatternRow[] = [...SIGNATURES, ...LOG_SIGNATURES];
  const set = createPatternSet(rows);
  let [lines, hits] = [0, 0];
  for (const name of await fixtureNames()) {
    const text = await readFile(join(TESTDATA, name, 'console.bin'), 'latin1');
    for (const line of new Set(text.split(/[\r\n]+/))) {
      lines += 1;
      const expected = rows.filter(({ pattern }) => pattern.test(line));
      hits += expected.length;
      const found = set.matching(line);
      if (found.length !== expected.length || found.some((one, at) => one !== expected[at])) t.fail(line);
    }
  }
  t.ok(lines > 10_000, 'lines');
  t.ok(hits > 100, 'of which some match');
});

t.test('a text that a row needs is in its pattern, outside of what may be missing', async (t) => {
  for (const { name, pattern, needs } of SIGNATURES) {
    if (needs === undefined) continue;
    t.ok(pattern.source.endsWith(`${needs})`) || pattern.source.endsWith(`${needs}\\d+)`), name);
  }
});
