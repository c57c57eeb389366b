import t from 'tap';
import { mostRuns, nextSize, recommendedSize, type SizeRange, type SizeRuns } from './smallest-size.js';

const RANGE: SizeRange = { least: 16, most: 256, step: 4, captures: 5 };

type Outcome = 'captured' | 'failed' | 'undecided';

/** Searches on a kernel whose runs end as `truth` says; `run` counts from 1, of all. */
function search(truth: (mib: number, run: number) => Outcome, range = RANGE) {
  const tried = new Map<number, SizeRuns>();
  for (let run = 1; run < 200; run += 1) {
    const decision = nextSize([...tried.values()], range);
    if (decision.kind !== 'try') return { decision, runs: run - 1, tried: [...tried.keys()] };
    const { mib } = decision;
    const before = tried.get(mib) ?? { mib, captured: 0, failed: [], undecided: [] };
    const outcome = truth(mib, run);
    tried.set(mib, {
      ...before,
      captured: before.captured + (outcome === 'captured' ? 1 : 0),
      failed: [...before.failed, ...(outcome === 'failed' ? ['capture-panic/out-of-memory'] : [])],
      undecided: [...before.undecided, ...(outcome === 'undecided' ? ['cannot-tell'] : [])],
    });
  }
  throw new Error('the search does not end');
}

const needs =
  (mib: number) =>
  (size: number): Outcome =>
    size >= mib ? 'captured' : 'failed';

t.test('every size in the range is found, within the runs that were announced', async (t) => {
  for (let mib = 20; mib <= 256; mib += 4) {
    const { decision, runs, tried } = search(needs(mib));
    t.strictSame(decision, { kind: 'found', mib, below: mib - 4 });
    t.ok(runs <= mostRuns(RANGE), `${mib}: ${runs} runs`);
    t.ok(tried.every((size) => size % 4 === 0 && size >= 16 && size <= 256));
  }
  t.strictSame(search(needs(118)).decision, { kind: 'found', mib: 120, below: 116 }, 'between two steps');
});

t.test('the ends of the range are not guessed beyond', async (t) => {
  t.strictSame(search(needs(10)).decision, { kind: 'found', mib: 16, below: undefined });
  t.strictSame(search(needs(300)).decision, { kind: 'none' });
  t.equal(search(needs(300)).runs, 1, 'one run shows that nothing in the range works');
  t.strictSame(search(needs(256)).decision, { kind: 'found', mib: 256, below: 252 }, 'near miss');
  const rough = { least: 10, most: 250, step: 16, captures: 1 };
  t.strictSame(search(needs(100), rough).decision, { kind: 'found', mib: 112, below: 96 });
  t.strictSame(search(needs(241), rough).decision, { kind: 'none' }, '240 is the largest multiple');
});

t.test('a size that fails when it is repeated is too small', async (t) => {
  const flaky = (mib: number, run: number): Outcome =>
    mib >= 120 ? 'captured' : mib === 116 && run !== 9 ? 'captured' : 'failed';
  t.strictSame(search(flaky).decision, { kind: 'found', mib: 120, below: 116 });
  // It fails far above the border as well: what lies below is not trusted.
  const early = (mib: number, run: number): Outcome => (run === 2 ? 'failed' : needs(60)(mib));
  t.strictSame(search(early).decision, { kind: 'found', mib: 136, below: 132 });
});

t.test('runs that show nothing are repeated, three times, and never decide', async (t) => {
  const busy = (mib: number, run: number): Outcome => (run % 2 === 0 ? 'undecided' : needs(120)(mib));
  t.strictSame(search(busy).decision, { kind: 'found', mib: 120, below: 116 });
  const dark = (mib: number): Outcome => (mib === 132 ? 'undecided' : needs(120)(mib));
  t.strictSame(search(dark).decision, { kind: 'undecided', mib: 132 });
  t.strictSame(search(() => 'undecided').decision, { kind: 'undecided', mib: 256 });
});

t.test('a margin is a quarter, in multiples of 16 MiB', async (t) => {
  t.strictSame([16, 64, 116, 192].map(recommendedSize), [32, 80, 160, 240]);
});
