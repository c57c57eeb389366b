import t from 'tap';
import { reportFixtures } from '../testing/recordings/reported-run.js';
import { liveLines } from './live-progress.js';
import { countsOf } from './run-counts.js';

const { captured, hung, plan } = reportFixtures();
const SIZE = { columns: 80, rows: 20 };
/** Counts of a campaign of so many runs. */
const counted = (total: number, results: Parameters<typeof countsOf>[1] = []) =>
  countsOf(
    Array.from({ length: total }, () => plan),
    results,
  );
const guest = (runId: string, ageMs: number) => ({ runId, phase: 'panic', ageMs });

t.test('before the first run has ended there is no estimate', async (t) => {
  const view = { guests: [guest('a', 1500), guest('b', 61_000)], slots: 2, counts: counted(5) };
  t.strictSame(liveLines(view, SIZE), [
    '0 of 5 runs, 2 of 2 slots in use',
    '   61 s  b: panic',
    '    1 s  a: panic',
  ]);
});

t.test('the time left rests on what was measured', async (t) => {
  const ended = [
    { ...captured, durationMs: 20_000 },
    { ...hung, durationMs: 40_000 },
  ];
  const view = { guests: [guest('c', 10_000), guest('d', 90_000)], slots: 2, counts: counted(6, ended) };
  // 4 runs of 30 s, of which 10 s and 30 s are done, on 2 slots.
  t.strictSame(liveLines(view, SIZE).slice(0, 2), [
    '2 of 6 runs, 2 of 2 slots in use, about 40 s left',
    '1 captured, 1 crash-path-hang',
  ]);
  const cutOff = { ...captured, detail: 'interrupted' };
  t.match(
    liveLines({ ...view, counts: counted(6, [cutOff]) }, SIZE)[0],
    /^0 of 6 runs.*in use$/,
    'of no run that was cut off',
  );
  t.match(liveLines({ guests: [], slots: 2, counts: counted(2, ended) }, SIZE)[0], /^2 of 2 runs.*in use$/);
});

t.test('narrow and low terminals', async (t) => {
  const guests = Array.from({ length: 30 }, (_, index) => guest(`run-${index}-${'x'.repeat(200)}`, index));
  const view = { guests, slots: 30, counts: counted(99, [captured]) };
  for (const columns of [1, 2, 10, 40, 200])
    for (const rows of [1, 2, 3, 10]) {
      const lines = liveLines(view, { columns, rows });
      t.ok(
        lines.length <= rows && lines.every((line) => line.length < columns || columns === 1),
        `${columns}x${rows}`,
      );
    }
  t.match(liveLines(view, { columns: 80, rows: 6 }).at(-1), 'and 27 more guests');
});

t.test('names of runs are printed harmlessly', async (t) => {
  const view = { guests: [guest('\u001b[2J\n', 0)], slots: 1, counts: counted(1) };
  t.match(liveLines(view, SIZE)[1], /^ +0 s {2}\\x1b\[2J\\x0a: panic$/);
});
