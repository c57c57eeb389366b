import t from 'tap';
import { FEWEST_TO_END_EARLY, holm, looksFor, overLooks, SIGNIFICANCE } from './corrections.js';
import { fisherExact } from './fisher.js';

t.test('Holm as R p.adjust has it', async (t) => {
  const corrected = holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(12)));
  t.strictSame(corrected, [0.03, 0.06, 0.06, 0.02]);
  t.strictSame(holm([0.04]), [0.04], 'one comparison is not corrected');
  t.strictSame(holm([0.9, 0.8]), [1, 1], 'never above 1');
  t.strictSame(holm([]), []);
});

t.test('looks are fixed by the number of rounds', async (t) => {
  t.strictSame(looksFor(20), [5, 10, 20]);
  t.strictSame(looksFor(100), [7, 13, 25, 50, 100]);
  t.strictSame(looksFor(9), [5, 9]);
  t.strictSame(looksFor(8), [8], 'half would be too few to tell');
  t.ok(looksFor(FEWEST_TO_END_EARLY).length > 1, 'the fewest of which some can be left out');
  t.equal(looksFor(FEWEST_TO_END_EARLY - 1).length, 1);
  t.strictSame(looksFor(5), [5]);
  t.strictSame(looksFor(1), [1]);
});

/**
 * The exact chance that two kernels with the same failure rate are called different at any look: all sequences of
 * results, by dynamic programming over how many of each failed.
 */
function falseAlarms(rate: number, looks: readonly number[], calls: (p: number) => boolean): number {
  const last = looks.at(-1) ?? 0;
  let states = new Map<string, number>([['0,0', 1]]);
  let alarms = 0;
  for (let round = 1; round <= last; round += 1) {
    const next = new Map<string, number>();
    for (const [key, chance] of states) {
      const [one = 0, other = 0] = key.split(',').map(Number);
      for (const [a, b] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const) {
        const step = (a === 1 ? rate : 1 - rate) * (b === 1 ? rate : 1 - rate);
        const place = `${one + a},${other + b}`;
        next.set(place, (next.get(place) ?? 0) + chance * step);
      }
    }
    states = next;
    if (!looks.includes(round)) continue;
    for (const [key, chance] of states) {
      const [one = 0, other = 0] = key.split(',').map(Number);
      const p = fisherExact({ failures: one, judged: round }, { failures: other, judged: round });
      if (!calls(p)) continue;
      alarms += chance;
      states.delete(key);
    }
  }
  return alarms;
}

t.test('looking early keeps the chance of a false alarm; looking without a price does not', async (t) => {
  for (const rounds of [20, 40]) {
    const looks = looksFor(rounds);
    for (const rate of [0.05, 0.2, 0.5, 0.8]) {
      const chance = falseAlarms(rate, looks, (p) => overLooks([p], looks.length) <= SIGNIFICANCE);
      t.ok(chance <= SIGNIFICANCE, `${rounds} rounds, rate ${rate}: ${chance}`);
    }
  }
  const everyRound = Array.from({ length: 40 }, (_, index) => index + 1);
  t.ok(falseAlarms(0.5, everyRound, (p) => p <= SIGNIFICANCE) > SIGNIFICANCE);
});

t.test('opposite kernels are distinguished at the first look', async (t) => {
  for (const rounds of [5, 9, 20, 100, 1000]) {
    const looks = looksFor(rounds);
    const first = looks[0] ?? 0;
    const p = fisherExact({ failures: first, judged: first }, { failures: 0, judged: first });
    t.ok(overLooks([p], looks.length) <= SIGNIFICANCE, `${rounds} rounds`);
  }
  t.equal(overLooks([0.4, 0.02], 3), 0.06, 'the least of them, at the price of all');
  t.equal(overLooks([0.4], 3), 1);
  t.equal(overLooks([], 3), 1);
});
