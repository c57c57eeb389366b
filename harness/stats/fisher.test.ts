import t from 'tap';
import { fisherExact } from './fisher.js';

function p(failures: number, judged: number, otherFailures: number, otherJudged: number): number {
  return fisherExact({ failures, judged }, { failures: otherFailures, judged: otherJudged });
}

t.test('two-sided p values as published', async (t) => {
  // R, help page of fisher.test: Fisher's tea tasting (1935), and convictions of twins (1962).
  t.equal(p(3, 4, 1, 4).toFixed(4), '0.4857');
  t.equal(p(2, 17, 10, 13).toPrecision(4), '0.0005367');
  t.equal(p(4, 4, 0, 4).toPrecision(6), (2 / 70).toPrecision(6), '2 of the 70 ways to choose 4 of 8');
  t.equal(p(20, 20, 0, 20).toPrecision(6), (2 / 137_846_528_820).toPrecision(6));
});

t.test('both tails count when they are equally likely, whatever rounding says', async (t) => {
  for (const [failures, judged] of [
    [5, 20],
    [6, 20],
    [17, 100],
  ] as const) {
    const oneTail = p(failures, judged, 0, judged) / 2;
    // The one tail with 0 failures on one side is the quotient of two binomial coefficients.
    let exact = 1;
    for (let index = 0; index < failures; index += 1) exact *= (judged - index) / (2 * judged - index);
    t.ok(Math.abs(oneTail / exact - 1) < 1e-9, `${failures} of ${judged} against none`);
  }
  t.ok(p(0, 20, 5, 20) < 0.05 && p(0, 20, 4, 20) > 0.1, '5 of 20 against none shows, 4 do not');
});

t.test('nothing to tell apart', async (t) => {
  t.equal(p(20, 20, 20, 20), 1);
  t.equal(p(0, 20, 0, 3), 1);
  t.equal(p(1, 1, 0, 1), 1);
  t.equal(p(0, 0, 5, 5), 1, 'no trial on one side');
  t.equal(p(0, 0, 0, 0), 1);
  t.equal(p(7, 20, 3, 11), p(3, 11, 7, 20), 'which one comes first does not matter');
});
