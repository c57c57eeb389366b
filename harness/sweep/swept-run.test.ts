import t from 'tap';
import { SCENARIO_NAMES_OF_SWEEPS } from '../testing/builders/sweep-names.js';
import { reportFixtures } from '../testing/recordings/reported-run.js';
import { sweptFor, sweptResult } from './swept-run.js';

t.test('every scenario of a sweep is a question or a control', async (t) => {
  for (const name of SCENARIO_NAMES_OF_SWEEPS.questions) t.equal(sweptFor(name), 'question', name);
  for (const name of SCENARIO_NAMES_OF_SWEEPS.controls) t.equal(sweptFor(name), 'control', name);
  for (const name of ['nmi-transition', 'crash-locks', 'console-sem-lock', 'crash-locks-000-others'])
    t.equal(sweptFor(name), undefined, name);
});

t.test('any end answers a question; a void run and a control that is not captured do not', async (t) => {
  const [question = ''] = SCENARIO_NAMES_OF_SWEEPS.questions;
  const [control = ''] = SCENARIO_NAMES_OF_SWEEPS.controls;
  const hang = { ...reportFixtures().hung, scenario: question };
  t.equal(hang.outcome, 'unexpected');
  t.match(sweptResult(hang), { verdict: 'crash-path-hang', outcome: 'expected', expected: /any end/ });
  for (const outcome of ['inconclusive', 'harness-error'] as const)
    t.equal(sweptResult({ ...hang, outcome }).outcome, outcome);
  const lost = { ...hang, scenario: control };
  t.equal(sweptResult(lost), lost);
});
