import t from 'tap';
import type { RunResult } from '../model/result.js';
import { HUNG, stored, VOID } from '../testing/builders/reports.js';
import { cloneNotes } from './clone-notes.js';

const CLONE = { clone: { template: 'templates/001', tookMs: 3000 } };

const results = (count: number, result: Partial<RunResult> = {}, kernel = 'stock'): RunResult[] =>
  Array.from({ length: count }, (_, index) => {
    const { result: made } = stored({ kernel, trial: index + 1, result });
    if (made === undefined) throw new Error('the builder makes results');
    return made;
  });

t.test('a campaign without clones says nothing of them', (t) => {
  t.strictSame(cloneNotes([...results(3), ...results(2, HUNG)]), []);
  t.end();
});

t.test('clones that end as the boots do are counted', (t) => {
  t.strictSame(cloneNotes([...results(5), ...results(40, CLONE)]), [
    '40 of 45 runs began as clones of a booted guest',
  ]);
  t.end();
});

t.test('a cell whose clones end otherwise than its boots is named, and a chance difference is not', (t) => {
  const differing = [...results(40, CLONE), ...results(3), ...results(3, HUNG)];
  t.match(cloneNotes(differing), [
    /^40 of 46/,
    /^sysrq-task on stock: clones and boots differ: other ends than captured in 0 of 40 clones, 3 of 6 boots; leave out --clone$/,
  ]);
  t.equal(cloneNotes([...results(4, CLONE), ...results(1), ...results(1, HUNG)]).length, 1, 'p = 0.33');
  // Two cells together do not make a difference out of none.
  const others = [...results(40, { ...HUNG, ...CLONE }, 'broken'), ...results(6, HUNG, 'broken')];
  t.equal(cloneNotes([...results(40, CLONE), ...results(6), ...others]).length, 1);
  t.end();
});

t.test('runs that tell nothing about the kernel do not count', (t) => {
  t.equal(cloneNotes([...results(40, CLONE), ...results(6, VOID)]).length, 1);
  t.end();
});
