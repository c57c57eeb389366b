import t from 'tap';
import { boundOfNone, rateInterval } from './binomial.js';

t.test('Clopper-Pearson intervals as published', async (t) => {
  // Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 5.
  for (const [failures, trials, lower, upper] of [
    [81, 263, 0.2527, 0.3676],
    [15, 148, 0.0578, 0.1617],
    [0, 20, 0, 0.1684],
    [1, 29, 0.0009, 0.1776],
  ] as const) {
    const [low = Number.NaN, high = Number.NaN] = rateInterval(failures, trials) ?? [];
    t.equal(low.toFixed(4), lower.toFixed(4), `${failures} of ${trials}, lower`);
    t.equal(high.toFixed(4), upper.toFixed(4), `${failures} of ${trials}, upper`);
  }
});

t.test('ends of the scale', async (t) => {
  t.equal(rateInterval(0, 0), undefined);
  t.strictSame(
    rateInterval(1, 1)?.map((end) => end.toFixed(3)),
    ['0.025', '1.000'],
  );
  t.strictSame(
    rateInterval(0, 1)?.map((end) => end.toFixed(3)),
    ['0.000', '0.975'],
  );
  const [low = 0, high = 0] = rateInterval(20, 20) ?? [];
  t.ok(Math.abs(low - (1 - 0.16843347098308536)) < 1e-12, 'the mirror of 0 of 20');
  t.equal(high, 1);
});

t.test('what never showed: one-sided, so below the two-sided upper end', async (t) => {
  t.equal(boundOfNone(20).toFixed(4), '0.1391');
  for (const trials of [1, 3, 20, 59, 1000]) {
    t.ok(Math.abs(boundOfNone(trials) - (1 - 0.05 ** (1 / trials))) < 1e-12, `${trials} trials`);
    t.ok(boundOfNone(trials) < (rateInterval(0, trials)?.[1] ?? 0));
  }
  t.equal(boundOfNone(0), 1);
});
