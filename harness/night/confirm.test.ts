import t from 'tap';
import type { VerdictWord } from '../model/verdict.js';
import { seenOf, tallyOf } from '../stats/tally.js';
import { type Random, seededRandom } from '../testing/randomness.js';
import { type Compared, correctedP, selected, suspicions } from './confirm.js';

const MOST = 40;
const SCREENING = 5;
const NIGHTS = 1000;

function verdicts(failed: number, count: number, word: VerdictWord = 'crash-path-hang'): VerdictWord[] {
  return Array.from({ length: count }, (_, index) => (index < failed ? word : 'captured'));
}

function compared(
  screening: readonly [candidate: readonly [number, number], baseline: readonly [number, number]],
  confirming: Partial<Compared['confirming']> = {},
  id = 'x01',
): Compared {
  const [candidate, baseline] = screening.map(([failures, judged]) => ({ failures, judged }));
  if (candidate === undefined || baseline === undefined) throw new Error('two');
  return {
    id,
    screening: { candidate, baseline },
    confirming: { candidate: [], baseline: [], ...confirming },
    asked: ['worse', 'better'],
  };
}

t.test('the screening selects what leans, and nothing else', async (t) => {
  t.match(
    selected(
      compared([
        [1, 5],
        [0, 5],
      ]),
    ),
    { direction: 'worse' },
    'one failure against none',
  );
  t.match(
    selected(
      compared([
        [0, 5],
        [5, 5],
      ]),
    ),
    { direction: 'better' },
  );
  t.equal(
    selected(
      compared([
        [2, 4],
        [3, 6],
      ]),
    ),
    undefined,
    'equal rates',
  );
  t.equal(
    selected(
      compared([
        [0, 0],
        [5, 5],
      ]),
    ),
    undefined,
    'nothing judged',
  );
  const onlyBetter = {
    ...compared([
      [5, 5],
      [0, 5],
    ]),
    asked: ['better'] as const,
  };
  t.equal(selected(onlyBetter), undefined, 'a direction that means nothing');
  t.equal(
    selected(
      compared([
        [10, 20],
        [9, 20],
      ]),
    )?.direction,
    'worse',
  );
});

t.test('only confirming trials decide, at planned looks', async (t) => {
  const [before] = suspicions(
    [
      compared([
        [5, 5],
        [0, 5],
      ]),
    ],
    MOST,
  );
  t.match(before, { p: 1, looked: 0, nextLook: 5, ended: undefined }, 'the screening decides nothing');
  const between = { candidate: verdicts(4, 4), baseline: verdicts(0, 4) };
  t.match(
    suspicions(
      [
        compared(
          [
            [5, 5],
            [0, 5],
          ],
          between,
        ),
      ],
      MOST,
    )[0],
    { looked: 0, nextLook: 5 },
  );
  const five = { candidate: verdicts(5, 5), baseline: verdicts(0, 5) };
  const [decided] = suspicions(
    [
      compared(
        [
          [5, 5],
          [0, 5],
        ],
        five,
      ),
    ],
    MOST,
  );
  t.match(decided, { looked: 5, ended: 'decided', nextLook: undefined });
  t.ok(Math.abs((decided?.p ?? 0) - 4 * (2 / 252)) < 1e-9, 'four looks, 2 of 252 tables');
  const swapped = { candidate: verdicts(0, 5), baseline: verdicts(5, 5) };
  t.match(
    suspicions(
      [
        compared(
          [
            [5, 5],
            [0, 5],
          ],
          swapped,
        ),
      ],
      MOST,
    )[0],
    { p: 1, ended: undefined },
  );
});

t.test('more suspicions need more trials, and one that leans back is dropped', async (t) => {
  const five = { candidate: verdicts(5, 5), baseline: verdicts(0, 5) };
  const others = [1, 2].map((number) =>
    compared(
      [
        [1, 5],
        [0, 5],
      ],
      {},
      `y0${number}`,
    ),
  );
  const all = suspicions(
    [
      compared(
        [
          [5, 5],
          [0, 5],
        ],
        five,
      ),
      ...others,
    ],
    MOST,
  );
  t.match(all[0], { id: 'x01', ended: undefined, nextLook: 10 }, 'the least p value first');
  t.ok((correctedP(all).get('x01') ?? 0) > 0.05);
  const even = { candidate: verdicts(2, 10), baseline: verdicts(2, 10) };
  t.match(
    suspicions(
      [
        compared(
          [
            [1, 5],
            [0, 5],
          ],
          even,
        ),
      ],
      MOST,
    )[0],
    { ended: 'leans-back', p: 1 },
  );
  const voids = { candidate: verdicts(5, 5, 'void'), baseline: verdicts(0, 5) };
  t.match(
    suspicions(
      [
        compared(
          [
            [5, 5],
            [0, 5],
          ],
          voids,
        ),
      ],
      MOST,
    )[0],
    { p: 1, nextLook: 10 },
    'a void is no trial',
  );
  const end = { candidate: verdicts(3, 40), baseline: verdicts(2, 40) };
  t.match(
    suspicions(
      [
        compared(
          [
            [1, 5],
            [0, 5],
          ],
          end,
        ),
      ],
      MOST,
    )[0],
    { ended: 'last-look', nextLook: undefined },
  );
});

/** A night of cells with true rates, its baselines beside them; `trials` bounds the confirming pairs. */
function simulate(
  random: Random,
  cells: readonly { baseline: number; candidate: number }[],
  pairs: number,
): { worse: Set<number>; better: Set<number> } {
  const draw = (rate: number): VerdictWord =>
    random.below(1_000_000) < rate * 1_000_000 ? 'crash-path-hang' : 'captured';
  const screening = cells.map(({ baseline, candidate }) => ({
    candidate: seenOf(tallyOf(Array.from({ length: SCREENING }, () => draw(candidate)))),
    baseline: seenOf(tallyOf(Array.from({ length: SCREENING }, () => draw(baseline)))),
  }));
  const confirming = cells.map(() => ({ candidate: [] as VerdictWord[], baseline: [] as VerdictWord[] }));
  const state = () =>
    suspicions(
      cells.map(
        (_, index): Compared => ({
          id: String(index),
          screening: screening[index] ?? { candidate: NONE, baseline: NONE },
          confirming: confirming[index] ?? { candidate: [], baseline: [] },
          asked: ['worse', 'better'],
        }),
      ),
      MOST,
    );
  let left = pairs;
  for (;;) {
    const all = state();
    const next = all.find(({ nextLook }) => nextLook !== undefined);
    const trials = confirming[Number(next?.id)];
    const rates = cells[Number(next?.id)];
    if (next?.nextLook === undefined || trials === undefined || rates === undefined || left <= 0) {
      const corrected = correctedP(all);
      const shown = all.filter(({ id }) => (corrected.get(id) ?? 1) <= 0.05);
      const named = (direction: string) =>
        new Set(shown.filter((one) => one.direction === direction).map(({ id }) => Number(id)));
      return { worse: named('worse'), better: named('better') };
    }
    while (trials.candidate.length < next.nextLook) {
      trials.candidate.push(draw(rates.candidate));
      trials.baseline.push(draw(rates.baseline));
      left -= 1;
    }
  }
}

const NONE = { failures: 0, judged: 0 };

t.test(
  'over 1,000 nights without a difference at most 5 % name one, whatever the rates and the budget',
  async (t) => {
    const random = seededRandom(12);
    const mixed = [0, 0.02, 0.5, 1];
    for (const rates of [[0], [0.02], [0.5], [1], mixed]) {
      for (const [count, pairs] of [
        [1, Number.POSITIVE_INFINITY],
        [12, Number.POSITIVE_INFINITY],
        [12, 60],
      ] as const) {
        let nights = 0;
        const cells = Array.from({ length: count }, (_, index) => rates[index % rates.length] ?? 0);
        for (let night = 0; night < NIGHTS; night += 1) {
          const same = cells.map((rate) => ({ baseline: rate, candidate: rate }));
          const { worse, better } = simulate(random, same, pairs);
          if (worse.size + better.size > 0) nights += 1;
        }
        t.comment(
          `${count} cells, rates ${rates.join(', ')}, ${pairs} pairs: ${nights} of ${NIGHTS} nights name a difference`,
        );
        t.ok(nights <= 0.05 * NIGHTS, `${rates.join(', ')}: ${nights}`);
      }
    }
  },
);

t.test('a new hang is found: 0 -> 1 and 0 -> 0.3, among eleven cells that did not change', async (t) => {
  const random = seededRandom(13);
  const powerOf = (candidate: number) => {
    let found = 0;
    for (let night = 0; night < NIGHTS; night += 1) {
      const cells = [0, 0, 0.02, 0.5, 1, 0, 0.02, 0, 0.5, 0, 0].map((rate) => ({
        baseline: rate,
        candidate: rate,
      }));
      if (simulate(random, [{ baseline: 0, candidate }, ...cells], Number.POSITIVE_INFINITY).worse.has(0))
        found += 1;
    }
    t.comment(`0 -> ${candidate}: found in ${found} of ${NIGHTS} nights`);
    return found / NIGHTS;
  };
  t.equal(powerOf(1), 1, 'always');
  t.ok(powerOf(0.3) >= 0.6);
});
