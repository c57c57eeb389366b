import t from 'tap';
import { rateInterval } from './binomial.js';
import { rateUntil } from './until-found.js';

/** P(X <= most) for X ~ Bin(trials, rate). */
function atMost(most: number, { trials, rate }: { trials: number; rate: number }): number {
  let term = (1 - rate) ** trials;
  let sum = 0;
  for (let k = 0; k <= most; k += 1) {
    sum += term;
    term *= ((trials - k) / (k + 1)) * (rate / (1 - rate));
  }
  return sum;
}

/** How probable each end of trials is that stop at the `until`-th event, or after `most`. */
function* endsOf({ until, most, rate }: { until: number; most: number; rate: number }) {
  // The last trial is an event, and until - 1 of those before it are.
  let chance = rate ** until;
  for (let trials = until; trials <= most; trials += 1) {
    yield { found: until, trials, chance };
    chance *= (trials / (trials - until + 1)) * (1 - rate);
  }
  for (let found = 0; found < until; found += 1) {
    const chanceOf =
      atMost(found, { trials: most, rate }) - (found === 0 ? 0 : atMost(found - 1, { trials: most, rate }));
    yield { found, trials: most, chance: chanceOf };
  }
}

t.test('the interval covers the true rate in 95 % of the searches, for any rate and limit', async (t) => {
  for (const until of [1, 2, 3, 10])
    for (const most of [20, 200])
      for (const rate of [0.001, 0.01, 0.05, 0.2, 0.5, 0.9]) {
        let covered = 0;
        let all = 0;
        for (const { found, trials, chance } of endsOf({ until, most, rate })) {
          all += chance;
          const [lower, upper] = rateUntil({ found, trials, until }) ?? [1, 0];
          if (lower <= rate && rate <= upper) covered += chance;
        }
        t.ok(Math.abs(all - 1) < 1e-9, 'these are all ends');
        t.ok(covered >= 0.95 - 1e-9, `until ${until} of ${most} at ${rate}: ${covered}`);
      }
});

t.test(
  'the upper bound is smaller than that of a fixed number of trials, the lower one is the same',
  async (t) => {
    const [lower, upper] = rateUntil({ found: 3, trials: 57, until: 3 }) ?? [];
    const fixed = rateInterval(3, 57) ?? [];
    t.equal(lower, fixed[0]);
    t.ok((upper ?? 1) < (fixed[1] ?? 0));
    // One minus the chance of fewer than 3 in the 56 trials before the last.
    t.ok(Math.abs(atMost(2, { trials: 56, rate: upper ?? 0 }) - 0.025) < 1e-9);
  },
);

t.test('trials that reached their limit, and those that all were events', async (t) => {
  t.strictSame(rateUntil({ found: 2, trials: 100, until: 3 }), rateInterval(2, 100));
  t.strictSame(rateUntil({ found: 0, trials: 100, until: 1 }), rateInterval(0, 100));
  t.equal(rateUntil({ found: 2, trials: 2, until: 2 })?.[1], 1);
  t.equal(rateUntil({ found: 0, trials: 0, until: 1 }), undefined);
});
