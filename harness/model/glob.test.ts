import t from 'tap';
import { fitsGlob } from './glob.js';

t.test('patterns', async (t) => {
  for (const [text, pattern] of [
    ['lock', 'lock'],
    ['ioapic-lock-held', '*lock*'],
    ['ioapic-lock-held', 'ioapic-*-held'],
    ['a/b/c', 'a*c'],
    ['abc', '?b?'],
    ['', '*'],
    ['', ''],
    ['aXbXc', '*X*c'],
    ['a.c', 'a.c'],
    ['aab', '*ab'],
  ] as const)
    t.ok(fitsGlob(text, pattern), `${text} fits ${pattern}`);
  for (const [text, pattern] of [
    ['lock', 'loc'],
    ['lock', 'lock?'],
    ['abc', 'a.c'],
    ['ioapic-lock-held', 'lock*'],
    ['', '?'],
    ['ab', '*ba'],
    ['[a]', '[ab]'],
  ] as const)
    t.notOk(fitsGlob(text, pattern), `${text} does not fit ${pattern}`);
});

t.test('a pattern that would take for ever to search for', async (t) => {
  t.notOk(fitsGlob('a'.repeat(5000), `${'*a'.repeat(200)}b`));
});
