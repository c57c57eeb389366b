import t from 'tap';
import { VERDICT_WORDS, type VerdictWord } from '../model/verdict.js';
import { compareTrials, type Design, settledScenarios, type Trial } from './comparison.js';
import { comparisonObject, ComparisonSchema } from './comparison-json.js';
import { percent } from './conclusion.js';
import { seenOf, tallyOf } from './tally.js';

type Counts = Partial<Record<VerdictWord, number>>;

const DESIGN: Design = { scenarios: ['s'], kernels: ['old', 'new'], looks: [20] };

/** Trials of one kernel in one scenario, verdicts in the order given. */
function trialsOf(kernel: number, counts: Counts, scenario = 's'): Trial[] {
  const verdicts = VERDICT_WORDS.flatMap((verdict) => Array<VerdictWord>(counts[verdict] ?? 0).fill(verdict));
  return verdicts.map((verdict, index) => ({ scenario, kernel, round: index + 1, verdict }));
}

/** The comparison's object for one scenario; the schema must take it. */
function compared(baseline: Counts, candidate: Counts, more: Partial<Design> & { also?: Counts } = {}) {
  const { also, ...design } = more;
  const comparison = compareTrials(
    [...trialsOf(0, baseline), ...trialsOf(1, candidate), ...(also === undefined ? [] : trialsOf(2, also))],
    { ...DESIGN, ...design },
  );
  const object = comparisonObject(comparison);
  t.strictSame(ComparisonSchema.parse(JSON.parse(JSON.stringify(object))), object);
  return object;
}

t.test('every verdict is counted once', async (t) => {
  const tally = tallyOf([...VERDICT_WORDS, 'captured']);
  t.strictSame(tally, { trials: 15, captured: 2, hung: 3, other: 7, void: 2, harnessErrors: 1 });
  t.strictSame(seenOf(tally), { failures: 10, judged: 12 });
});

t.test('a hang that the candidate does not have', async (t) => {
  const { pValue, ...object } = compared({ 'crash-path-hang': 20 }, { captured: 20 });
  t.equal(pValue?.toPrecision(3), '1.45e-11');
  t.match(object, {
    kernels: [
      { id: 'old', trials: 20, captured: 0, hung: 20, other: 0, void: 0, harnessErrors: 0, rate: 1 },
      { id: 'new', trials: 20, captured: 20, hung: 0, other: 0, void: 0, harnessErrors: 0, rate: 0 },
    ],
    conclusion: 'candidate fixes',
  });
  t.strictSame(Object.keys(object), ['kernels', 'conclusion'], 'one scenario has no list of scenarios');
  t.strictSame(Object.keys(object.kernels[1] ?? {}).slice(-2), ['rate', 'interval']);
  t.equal(object.kernels[1]?.interval?.[1].toFixed(3), '0.168');
});

t.test('conclusions', async (t) => {
  const says = (baseline: Counts, candidate: Counts) => compared(baseline, candidate).conclusion;
  t.equal(says({ captured: 20 }, { 'capture-hang': 20 }), 'candidate regresses');
  t.equal(says({ captured: 20 }, { captured: 15, 'capture-panic': 5 }), 'candidate regresses');
  t.equal(
    says({ captured: 20 }, { captured: 16, 'capture-panic': 4 }),
    'no difference shown; with n=20 it would have taken 5 or more failures of 20',
  );
  t.equal(
    says({ 'purgatory-hang': 20 }, { captured: 19, 'capture-hang': 1 }),
    'candidate improves, but still fails',
  );
  t.equal(
    says({ 'crash-path-hang': 20 }, { 'crash-path-reset': 1, captured: 19 }),
    'candidate improves, but still fails',
  );
  t.equal(
    says({ captured: 20 }, { captured: 20 }),
    'no difference shown; with n=20 a hang rate below 14 % would be missed',
  );
  t.equal(
    says({ captured: 3 }, { captured: 2 }),
    'no difference shown; with n=2 a hang rate below 78 % would be missed',
  );
  t.equal(
    says({ captured: 1000 }, { captured: 1000 }),
    'no difference shown; with n=1000 a hang rate below 0.3 % would be missed',
  );
  t.equal(
    says({ 'crash-path-hang': 20 }, { 'crash-path-hang': 20 }),
    'no difference shown; with n=20 it would have taken 15 or fewer failures of 20',
  );
  t.equal(
    says({ 'crash-path-hang': 10, captured: 10 }, { 'crash-path-hang': 10, captured: 10 }),
    'no difference shown; with n=20 it would have taken 3 or fewer, or 17 or more failures of 20',
  );
  t.equal(
    says({ 'crash-path-hang': 1 }, { captured: 1 }),
    'no difference shown; with n=1 no result of these trials could have shown one',
  );
  t.equal(
    says({ 'crash-path-hang': 3 }, { captured: 3 }),
    'no difference shown; with n=3 no result of these trials could have shown one',
  );
  t.equal(says({ 'crash-path-hang': 4 }, { captured: 4 }), 'candidate fixes', '4 pairs are the fewest');
});

t.test('void and harness errors never enter a rate', async (t) => {
  const { kernels, conclusion } = compared(
    { 'crash-path-hang': 8, void: 12 },
    { captured: 5, void: 10, 'harness-error': 5 },
  );
  t.match(kernels, [
    { trials: 20, hung: 8, void: 12, harnessErrors: 0, rate: 1 },
    { trials: 20, captured: 5, void: 10, harnessErrors: 5, rate: 0 },
  ]);
  t.equal(conclusion, 'candidate fixes');
  const nothing = compared({ void: 20 }, { captured: 20 });
  t.match(nothing, {
    kernels: [{ rate: null, interval: null }, { rate: 0 }],
    pValue: null,
    conclusion: 'nothing can be concluded; no trial of the baseline could be judged',
  });
  t.equal(
    compared({ void: 1 }, { 'harness-error': 1 }).conclusion,
    'nothing can be concluded; no trial of the baseline and the candidate could be judged',
  );
  t.equal(compared({}, {}).pValue, null);
});

t.test('further kernels have their own test, and its price', async (t) => {
  const kernels = ['old', 'new', 'newer'] as const;
  const alone = compared({ 'crash-path-hang': 5, captured: 15 }, { captured: 20 });
  t.equal(alone.conclusion, 'candidate fixes');
  const two = compared(
    { 'crash-path-hang': 5, captured: 15 },
    { captured: 20 },
    { kernels, also: { 'crash-path-hang': 20 } },
  );
  t.equal(two.kernels[2]?.conclusion, 'kernel regresses');
  t.ok((two.kernels[2]?.pValue ?? 1) < 1e-5);
  t.equal(two.pValue, alone.pValue, 'Holm: the larger of two p values stays');
  const both = compared(
    { 'crash-path-hang': 5, captured: 15 },
    { captured: 20 },
    { kernels, also: { captured: 20 } },
  );
  t.equal(both.pValue, 2 * (alone.pValue ?? 1));
  t.equal(
    both.conclusion,
    'no difference shown; with n=20 it would have taken 13 or more failures of 20',
    'what one test shows, two do not',
  );
});

t.test('several scenarios: the worst one counts', async (t) => {
  const over = (one: [Counts, Counts], other: [Counts, Counts]) => {
    const trials = [one, other].flatMap(([baseline, candidate], index) => [
      ...trialsOf(0, baseline, `s${index}`),
      ...trialsOf(1, candidate, `s${index}`),
    ]);
    const comparison = compareTrials(trials, { ...DESIGN, scenarios: ['s0', 's1'] });
    return {
      object: ComparisonSchema.parse(comparisonObject(comparison)),
      relation: comparison.overall.relation,
    };
  };
  const fixed: [Counts, Counts] = [{ 'crash-path-hang': 20 }, { captured: 20 }];
  const regressed: [Counts, Counts] = [{ captured: 20 }, { 'crash-path-hang': 20 }];
  const healthy: [Counts, Counts] = [{ captured: 20 }, { captured: 20 }];
  const ill: [Counts, Counts] = [{ 'crash-path-hang': 20 }, { 'crash-path-hang': 20 }];
  const untold: [Counts, Counts] = [{ captured: 20 }, { void: 20 }];
  const { object } = over(fixed, regressed);
  t.equal(object.conclusion, 'candidate regresses in 1 of 2 scenarios');
  t.match(object.scenarios, [
    { scenario: 's0', conclusion: 'candidate fixes' },
    { scenario: 's1', conclusion: 'candidate regresses', kernels: [{ rate: 0 }, { rate: 1 }] },
  ]);
  t.match(object.kernels, [
    { id: 'old', trials: 40, captured: 20, hung: 20, rate: 0.5 },
    { id: 'new', trials: 40 },
  ]);
  t.equal(over(fixed, healthy).object.conclusion, 'candidate fixes in 1 of 2 scenarios');
  t.equal(over(fixed, fixed).object.conclusion, 'candidate fixes in 2 of 2 scenarios');
  t.equal(over(fixed, ill).object.conclusion, 'candidate improves in 1 of 2 scenarios, but still fails');
  t.equal(over(untold, regressed).relation, 'regresses');
  t.match(over(untold, fixed), {
    relation: 'unknown',
    object: {
      pValue: null,
      conclusion: 'nothing can be concluded; no trial of a kernel could be judged in 1 of 2 scenarios',
    },
  });
  t.equal(
    over(healthy, healthy).object.conclusion,
    'no difference shown; with n=20 a hang rate below 14 % would be missed',
  );
  t.equal(over(healthy, ill).object.conclusion, 'no difference shown in any of 2 scenarios');
});

t.test('a look settles what it shows, and only that', async (t) => {
  const design: Design = { scenarios: ['a', 'b'], kernels: ['old', 'new'], looks: [5, 10, 20] };
  const opposite = [...trialsOf(0, { 'capture-hang': 10 }, 'a'), ...trialsOf(1, { captured: 10 }, 'a')];
  const equal = [...trialsOf(0, { captured: 10 }, 'b'), ...trialsOf(1, { captured: 10 }, 'b')];
  const upTo = (round: number) => [...opposite, ...equal].filter((trial) => trial.round <= round);
  t.strictSame(settledScenarios(upTo(5), { ...design, scenarios: ['a'] }), ['a'], '0.008 times 3 looks');
  t.strictSame(settledScenarios(upTo(4), { ...design, scenarios: ['a'] }), [], '0.029 times 3 looks');
  t.strictSame(settledScenarios(upTo(5), design), ['a'], 'times 2 comparisons');
  t.strictSame(settledScenarios(upTo(10), design), ['a']);
  const ended = compareTrials([...opposite.filter(({ round }) => round <= 5), ...equal], design);
  t.match(ended.scenarios, [
    { contrasts: [{ relation: 'fixes' }] },
    { contrasts: [{ relation: 'no-difference' }] },
  ]);
});

t.test('percent keeps what counts', async (t) => {
  const words = [0, 0.0003, 0.0029956, 0.0494, 0.0949, 0.0996, 0.139, 0.5, 1].map(percent);
  t.strictSame(words, ['0 %', '0.03 %', '0.3 %', '4.9 %', '9.5 %', '10 %', '14 %', '50 %', '100 %']);
});
