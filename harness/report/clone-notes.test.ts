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
    '40 of 45 runs began as clones of 1 booted guest; rates and p values count them as independent runs',
  ]);
  t.end();
});

t.test('a cell whose clones end otherwise than its boots is named, and a chance difference is not', (t) => {
  const differing = [...results(40, CLONE), ...results(3), ...results(3, HUNG)];
  t.match(cloneNotes(differing), [
    /^40 of 46/,
    /^sysrq-task on stock: clones and boots differ: crash-path-hang in 0 of 40 clones, 3 of 6 boots; run it with --no-clone$/,
  ]);
  t.equal(cloneNotes([...results(4, CLONE), ...results(1), ...results(1, HUNG)]).length, 1, 'p = 0.33');
  // Two cells together do not make a difference out of none.
  const others = [...results(40, { ...HUNG, ...CLONE }, 'broken'), ...results(6, HUNG, 'broken')];
  t.equal(cloneNotes([...results(40, CLONE), ...results(6), ...others]).length, 1);
  t.end();
});

t.test('a template whose clones end otherwise than those of the others is named', (t) => {
  const of = (template: string) => ({ clone: { template, tookMs: 3000 } });
  const [one, other] = [of('templates/001'), of('templates/002')];
  const boots = [...results(2), ...results(1, HUNG)];
  // All clones together hang as often as the boots.
  t.match(cloneNotes([...boots, ...results(20, one), ...results(10, { ...HUNG, ...other })]).slice(1), [
    /: templates\/001 and the other runs differ: crash-path-hang in 0 of 20 clones, 11 of 13 others; run it with --no-clone$/,
    /: templates\/002 and the other runs differ: crash-path-hang in 10 of 10 clones, 1 of 23 others;/,
  ]);
  const alike = (template: typeof one) => [...results(7, template), ...results(3, { ...HUNG, ...template })];
  t.equal(cloneNotes([...boots, ...alike(one), ...alike(other)]).length, 1, 'each template has both ends');
  t.end();
});

t.test('captures that are degraded only in boots, or for another reason, differ', (t) => {
  const degraded = (reason: string): Partial<RunResult> => ({
    ...{ detail: 'nonce-verified-degraded', quality: 'degraded', degradedBy: [reason] },
  });
  const [one, other] = [degraded('cpu-not-stopped'), degraded('missing-cpu-notes')];
  const clones = results(40, { ...one, ...CLONE });
  t.match(cloneNotes([...clones, ...results(6, other)]).slice(1), [
    /differ: cpu-not-stopped in 40 of 40 clones, 0 of 6 boots/,
    /differ: missing-cpu-notes in 0 of 40 clones, 6 of 6 boots/,
  ]);
  t.equal(cloneNotes([...clones, ...results(6, one)]).length, 1, 'the same reason');
  t.end();
});

t.test('runs whose clones could not begin are counted, and count as boots', (t) => {
  const failed = results(2, { clone: { booted: 'clone-failed', saw: 'refused' } });
  t.match(cloneNotes([...results(40, CLONE), ...failed]), [
    /^40 of 42/,
    /^2 runs could not begin as a clone and booted; templates\/failed-\* show why$/,
  ]);
  t.strictSame(cloneNotes(results(3, { clone: { booted: 'few-runs' } })), []);
  t.strictSame(cloneNotes(results(3, { clone: { booted: 'no-template', saw: 'EROFS' } })), [
    '3 runs booted (no-template); their verdict.json says why',
  ]);
  t.end();
});

t.test('runs that tell nothing about the kernel do not count', (t) => {
  t.equal(cloneNotes([...results(40, CLONE), ...results(6, VOID)]).length, 1);
  t.end();
});
