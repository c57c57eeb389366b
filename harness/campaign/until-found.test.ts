import t from 'tap';
import type { VerdictWord } from '../model/verdict.js';
import { HANGS } from '../plan/until.js';
import { madePlan } from '../testing/builders/runs.js';
import { FoundSoFar } from './until-found.js';

const plansOf = (scenario: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    ...madePlan({ scenario: { name: scenario } }),
    runId: `${scenario}-${index + 1}`,
    trial: index + 1,
  }));
const ended = (runId: string, verdict: VerdictWord, detail = 'made') => ({ runId, verdict, detail });

t.test('hangs are counted up to the one that is enough; its cell then needs no more', async (t) => {
  const plans = [...plansOf('a', 9), ...plansOf('b', 9)];
  const soFar = new FoundSoFar(plans, { count: 2, verdicts: HANGS });
  soFar.add(ended('a-1', 'captured'));
  soFar.add(ended('a-2', 'crash-path-hang'));
  soFar.add(ended('a-3', 'void'));
  soFar.add(ended('b-1', 'capture-panic'));
  t.notOk(plans.some((plan) => soFar.isNeedless(plan)));
  soFar.add(ended('a-5', 'capture-hang'));
  t.strictSame(
    plans.filter((plan) => soFar.isNeedless(plan)).map(({ runId }) => runId),
    plansOf('a', 9).map(({ runId }) => runId),
  );
  // It was under way, and belongs before the second hang.
  soFar.add(ended('a-4', 'captured'));
  // It began after it.
  soFar.add(ended('a-6', 'captured'));
  t.match(soFar.cells(), [
    { scenario: 'a', found: 2, trials: 4, beyond: 1, undecided: 1, until: 2, runs: ['a-2', 'a-5'] },
    { scenario: 'b', found: 0, trials: 1, beyond: 0, undecided: 0, runs: [] },
  ]);
});

t.test('a run that was cut off is no trial; the one that repeats it takes its place', async (t) => {
  const soFar = new FoundSoFar(plansOf('a', 3), { count: 1, verdicts: HANGS });
  soFar.add(ended('a-1', 'harness-error', 'interrupted'));
  t.match(soFar.cells(), [{ trials: 0, undecided: 0 }]);
  soFar.add(ended('a-1.2', 'purgatory-hang'));
  t.match(soFar.cells(), [{ found: 1, trials: 1, runs: ['a-1.2'] }]);
  t.ok(soFar.isNeedless({ runId: 'a-2' }));
  t.ok(soFar.isNeedless({ runId: 'a-2.2' }));
  t.notOk(soFar.isNeedless({ runId: 'other' }));
});

t.test('any verdict can be searched for', async (t) => {
  const soFar = new FoundSoFar(plansOf('a', 3), { count: 1, verdicts: ['void', 'capture-reset'] });
  soFar.add(ended('a-1', 'crash-path-hang'));
  t.notOk(soFar.isNeedless({ runId: 'a-2' }));
  soFar.add(ended('a-2', 'void'));
  t.match(soFar.cells(), [{ found: 1, trials: 2, undecided: 0 }]);
});
