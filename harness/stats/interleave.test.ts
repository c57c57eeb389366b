import t from 'tap';
import type { VerdictWord } from '../model/verdict.js';
import type { RunPlan } from '../plan/run-plan.js';
import { madePlan } from '../testing/builders/runs.js';
import { armsOf, interleave, trialsOf } from './interleave.js';

/** Plans as they are laid out: kernel by kernel, scenario by scenario, trial by trial. */
function plansFor(kernels: readonly string[], scenarios: readonly string[], repeat: number): RunPlan[] {
  const plans: RunPlan[] = [];
  for (const spec of kernels) {
    for (const name of scenarios) {
      for (let trial = 1; trial <= repeat; trial += 1) {
        const made = madePlan({ scenario: { name } });
        plans.push({ ...made, kernel: { ...made.kernel, spec }, runId: `r${plans.length}`, trial });
      }
    }
  }
  return plans;
}

t.test('kernels take turns in every round', async (t) => {
  const plans = interleave(plansFor(['A', 'B', 'C'], ['zero', 'a'], 2));
  t.strictSame(
    plans.map(({ kernel, scenario, trial }) => `${kernel.spec} ${scenario.name} ${trial}`),
    ['zero 1', 'a 1', 'zero 2', 'a 2'].flatMap((round) => [`A ${round}`, `B ${round}`, `C ${round}`]),
  );
});

t.test('a run is its kernel by its place, even when both kernels are the same', async (t) => {
  const laidOut = plansFor(['A', 'A'], ['s'], 2);
  for (const plans of [laidOut, interleave(laidOut)]) {
    const arms = armsOf(plans, 'c');
    t.strictSame(arms.design, { scenarios: ['s'], kernels: ['A', 'A'] });
    t.equal(arms.rounds, 2);
    t.strictSame(Object.fromEntries(arms.kernelOf), { r0: 0, r1: 0, r2: 1, r3: 1 });
  }
});

t.test('results find their kernel, also when they were begun again', async (t) => {
  const arms = armsOf(plansFor(['A', 'B'], ['s'], 1), 'c');
  const result = (runId: string, verdict: VerdictWord) => ({ runId, scenario: 's', trial: 1, verdict });
  const results = [result('r1.2', 'captured'), result('r0', 'void'), result('r7', 'captured')];
  t.strictSame(trialsOf(results, arms), [
    { scenario: 's', kernel: 1, round: 1, verdict: 'captured' },
    { scenario: 's', kernel: 0, round: 1, verdict: 'void' },
  ]);
});

t.test('other campaigns are no comparison', async (t) => {
  const refused = { name: 'Fault', kind: 'usage', message: /cannot compare the kernels of "c": .*; name/ };
  t.throws(() => armsOf(plansFor(['A'], ['s'], 3), 'c'), refused);
  t.throws(() => armsOf([], 'c'), refused);
  t.throws(() => armsOf(plansFor(['A', 'B'], ['s'], 2).slice(1), 'c'), refused);
});
