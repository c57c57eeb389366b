import t from 'tap';
import { changePoints } from './change-points.js';
import type { Seen } from './fisher.js';

/** `3/10` as counts. */
function series(text: string): Seen[] {
  return text.split(' ').map((count) => {
    const [failures = 0, judged = 0] = count.split('/').map(Number);
    return { failures, judged };
  });
}

const found = (text: string, many = 1) =>
  changePoints(series(text), { series: many }).map(({ at, earliest, latest }) => [at, earliest, latest]);

t.test('a rate that changes once', async (t) => {
  const [change, ...more] = changePoints(series('0/10 0/10 0/10 9/10 10/10'), { series: 1 });
  t.strictSame(more, []);
  t.match(change, { at: 3, earliest: 3, latest: 3 });
  t.strictSame(change?.before, { failures: 0, judged: 30 });
  t.strictSame(change?.after, { failures: 19, judged: 20 });
  t.ok((change?.pValue ?? 1) < 1e-6);
});

t.test('one that rises and falls again', async (t) => {
  t.strictSame(found('0/8 0/8 8/8 8/8 0/8 0/8'), [
    [2, 2, 2],
    [4, 4, 4],
  ]);
  const [, fall] = changePoints(series('0/8 0/8 8/8 8/8 0/8 0/8'), { series: 1 });
  t.strictSame(
    [fall?.before, fall?.after],
    [
      { failures: 16, judged: 16 },
      { failures: 0, judged: 16 },
    ],
  );
});

t.test('a rate that does not change, or not provably', async (t) => {
  for (const same of ['', '0/0', '1/2', '0/10 0/10 0/10', '5/5 5/5', '2/10 3/10 1/10 2/10', '0/3 3/3'])
    t.strictSame(found(same), [], same);
});

t.test('the corrections decide: boundaries, and series that are evaluated together', async (t) => {
  // p = 1/C(12, 3) = 0.0045, times 3 boundaries 0.014.
  // 0/3 against 3/3 alone gives 0.1: the third count does not exclude that it is of the second stretch.
  t.strictSame(found('0/3 0/3 0/3 3/3'), [[3, 2, 3]]);
  t.equal(changePoints(series('0/3 0/3 0/3 3/3'), { series: 1 })[0]?.pValue.toFixed(5), '0.01364');
  t.strictSame(found('0/3 0/3 0/3 3/3', 3), [[3, 2, 3]], 'times 3: 0.041');
  t.strictSame(found('0/3 0/3 0/3 3/3', 4), [], 'times 4: 0.055');
});

t.test('a range where the counts are few', async (t) => {
  // One night of one good trial does not exclude a rate of one half.
  t.strictSame(found('0/20 0/1 5/10 5/10'), [[2, 1, 2]]);
  // A night whose trials all succeed excludes a rate that is high.
  t.strictSame(found('0/20 0/8 9/10 9/10'), [[2, 2, 2]]);
  t.strictSame(found('0/20 1/10 10/10 10/10'), [[2, 2, 2]]);
});

t.test('counts without judged trials are passed over, and cost nothing', async (t) => {
  t.strictSame(found('0/3 0/0 0/3 0/0 0/3 0/0 3/3 0/0'), [[6, 4, 6]]);
  t.equal(changePoints(series('0/3 0/0 0/3 0/3 0/0 3/3'), { series: 1 })[0]?.pValue.toFixed(5), '0.01364');
});

t.test('false alarms over series without a change stay below 5 %', async (t) => {
  // A linear congruential generator: the same series in each run of the test.
  let state = 1;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  let alarms = 0;
  for (let trial = 0; trial < 400; trial += 1) {
    const counts = Array.from({ length: 15 }, () => ({
      judged: 5,
      failures: Array.from({ length: 5 }, random).filter((value) => value < 0.3).length,
    }));
    if (changePoints(counts, { series: 1 }).length > 0) alarms += 1;
  }
  t.ok(alarms <= 20, `${alarms} of 400`);
});
