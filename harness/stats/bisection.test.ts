import t from 'tap';
import { seededRandom } from '../testing/randomness.js';
import {
  controlsDone,
  expectedFor,
  goodsFor,
  goodsForRate,
  missAfter,
  shareOfStep,
  stepsFor,
  WRONG,
} from './bisection.js';

const SIMULATIONS = 2_000;
/** As the command's default. */
const PATIENCE = 60;

t.test('the probability of a miss, by values that can be computed by hand', async (t) => {
  t.equal(missAfter(0, { bad: 3, judged: 7 }), 1);
  // A density of 1/r and one trial, bad: the posterior is uniform, the mean of (1 - r)^k is 1 / (k + 1).
  for (const goods of [1, 2, 9]) {
    t.ok(Math.abs(missAfter(goods, { bad: 1, judged: 1 }) - 1 / (goods + 1)) < 1e-12);
  }
  // Beta(5, 1): 5! k! / (5 + k)!.
  t.ok(Math.abs(missAfter(3, { bad: 5, judged: 5 }) - 1 / 56) < 1e-12);
  t.ok(missAfter(4, { bad: 5, judged: 5 }) < missAfter(4, { bad: 5, judged: 6 }), 'a lower rate misses more');
});

t.test('trials for a share of the error: the fewest that keep it', async (t) => {
  for (const measured of [
    { bad: 5, judged: 5 },
    { bad: 5, judged: 48 },
    { bad: 1, judged: 60 },
  ]) {
    for (const share of [0.05, 0.0125, 0.0045]) {
      const goods = goodsFor(measured, share);
      t.ok(missAfter(goods, measured) <= share);
      t.ok(missAfter(goods - 1, measured) > share);
    }
  }
  t.equal(goodsFor({ bad: 5, judged: 5 }, 0.0125), 4);
  t.equal(goodsForRate(1, 0.001), 1);
  t.equal(goodsForRate(0.5, 0.05), 5, '2^-5 < 0.05 < 2^-4');
  t.equal(goodsForRate(0.1, 0.05), 29);
});

t.test('controls end with five bad outcomes, with none in reasonable time, or at the very end', async (t) => {
  const done = (bad: number, judged: number) => controlsDone({ bad, judged }, PATIENCE);
  t.strictSame([done(5, 5), done(4, 4), done(0, 59), done(0, 60)], [true, false, false, true]);
  t.strictSame([done(1, 60), done(1, 239), done(1, 240)], [false, false, true]);
  t.throws(() => goodsFor({ bad: 0, judged: 60 }, 0.05), RangeError);
  t.equal(missAfter(1_000, { bad: 0, judged: 60 }), 1);
});

t.test('steps and their shares', async (t) => {
  t.strictSame([1, 2, 3, 16, 17, 1000].map(stepsFor), [0, 1, 2, 4, 5, 10]);
  for (const planned of [1, 4, 10]) {
    let sum = 0;
    for (let step = 1; step < 200; step += 1) sum += shareOfStep(step, planned);
    t.ok(sum <= WRONG + 1e-12, `the shares of ${planned} planned steps and all others add up to ${sum}`);
    t.ok(sum > WRONG * 0.99);
  }
  t.strictSame(expectedFor(1, 0.5), { steps: 0, goods: 0, trials: 0 });
  t.strictSame(expectedFor(16, 1), { steps: 4, goods: 1, trials: 4 });
  t.match(expectedFor(16, { bad: 5, judged: 5 }), { steps: 4, goods: 4, trials: 10 });
});

/** One bisection of a line of commits; undefined when its controls show nothing. */
function simulate(
  commits: number,
  rate: number,
  random: () => number,
): { right: boolean; trials: number } | undefined {
  const firstBad = Math.floor(random() * commits);
  let [bad, judged] = [0, 0];
  while (!controlsDone({ bad, judged }, PATIENCE)) {
    judged += 1;
    if (random() < rate) bad += 1;
  }
  if (bad === 0) return undefined;
  const planned = stepsFor(commits);
  let trials = 2 * judged;
  // All below `good` are good; `known` is bad.
  let [good, known] = [0, commits - 1];
  for (let step = 1; good < known; step += 1) {
    const middle = Math.floor((good + known) / 2);
    const goods = goodsFor({ bad, judged }, shareOfStep(step, planned));
    let isBad = false;
    for (let trial = 0; trial < goods && !isBad; trial += 1) {
      trials += 1;
      isBad = middle >= firstBad && random() < rate;
    }
    if (isBad) known = middle;
    else good = middle + 1;
  }
  return { right: known === firstBad, trials };
}

for (const rate of [1, 0.5, 0.1]) {
  for (const commits of [16, 128, 1_000]) {
    t.test(
      `${commits} commits, rate ${rate}: wrong in less than 5 % of ${SIMULATIONS} simulations`,
      async (t) => {
        const source = seededRandom(0x12345 + commits + 1000 * rate);
        const random = () => source.below(2 ** 32) / 2 ** 32;
        for (let i = 0; i < 20; i += 1) random();
        const ends = Array.from({ length: SIMULATIONS }, () => simulate(commits, rate, random));
        const answered = ends.filter((end) => end !== undefined);
        const wrong = answered.filter(({ right }) => !right).length;
        t.ok(answered.length > 0.99 * SIMULATIONS);
        t.ok(wrong < WRONG * answered.length, `${wrong} of ${answered.length} are wrong`);
        if (rate === 1) t.equal(wrong, 0);
        const mean = answered.reduce((sum, { trials }) => sum + trials, 0) / answered.length;
        t.comment(`${wrong} of ${answered.length} wrong, ${mean.toFixed(0)} trials on average`);
      },
    );
  }
}

t.test('the simulation sees a number of trials that is too low', async (t) => {
  const source = seededRandom(99);
  const random = () => source.below(2 ** 32) / 2 ** 32;
  // A step alone may spend all of the error: over ten steps that is too much, even when half of them test good commits.
  const goods = goodsForRate(0.1, WRONG);
  let wrong = 0;
  for (let i = 0; i < SIMULATIONS; i += 1) {
    const bads = Array.from({ length: 10 }, () => random() < 0.5).filter(Boolean).length;
    const missed = (1 - 0.1) ** goods;
    if (random() < 1 - (1 - missed) ** bads) wrong += 1;
  }
  t.ok(wrong > WRONG * SIMULATIONS);
});
