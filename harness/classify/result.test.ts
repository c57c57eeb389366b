import t from 'tap';
import { RunResultSchema } from '../model/result.js';
import type { Scenario } from '../plan/scenario.js';
import { eventsOf } from '../testing/recordings/fixtures.js';
import { firedRun, type MadeRun, MadeRun as Run, madePlan, vmcoreFrame } from '../testing/builders/runs.js';
import { classify } from './classify.js';
import { resultOf } from './result.js';

function result(run: MadeRun, expect: Scenario['expect'] = { verdict: 'captured' }) {
  const plan = madePlan({ scenario: { expect } });
  const events = eventsOf(run.end().records, plan);
  return resultOf(classify(events, plan), plan, { events, directory: '/runs/made' });
}

const captured = () => firedRun().panic().captureBanner().captureHello().control(vmcoreFrame());
const degraded = () => captured().console('[    1.000000] Disabling IRQ #5');

void t.test('a verdict is compared with the expectation', async (t) => {
  t.equal(result(captured()).outcome, 'expected');
  t.equal(result(degraded()).outcome, 'expected', 'no quality was asked for');
  t.equal(result(captured(), { verdict: 'captured', quality: 'clean' }).outcome, 'expected');
  t.equal(result(degraded(), { verdict: 'captured', quality: 'clean' }).outcome, 'unexpected');
  t.equal(result(captured(), { verdict: 'captured', quality: 'degraded' }).outcome, 'unexpected');
  t.equal(result(captured(), { verdict: 'no-panic' }).outcome, 'unexpected');
  t.equal(result(firedRun().panic().shutdown('guest-reset')).outcome, 'unexpected');
});

void t.test('an inconclusive verdict is neither', async (t) => {
  const unarmed = () => new Run().boot().arm('loaded=0\nsize=0\n');
  t.equal(result(unarmed()).outcome, 'inconclusive');
  t.equal(result(unarmed(), { verdict: 'void' }).outcome, 'expected');
  const broken = () => firedRun().host({ fact: 'harness-fault', message: 'x' });
  t.equal(result(broken()).outcome, 'harness-error');
  t.equal(
    result(broken(), { verdict: 'harness-error' }).outcome,
    'harness-error',
    'even when it was expected',
  );
});

void t.test('a result is what the schema says, whatever happened', async (t) => {
  for (const run of [captured(), degraded(), firedRun(), new Run(), new Run().boot()]) {
    const made = result(run);
    t.strictSame(RunResultSchema.parse(made), made, `${made.verdict}/${made.detail}`);
  }
  t.match(result(degraded()), {
    verdict: 'captured',
    quality: 'degraded',
    degradedBy: ['irq-disabled'],
    expected: 'captured',
    directory: '/runs/made',
  });
  t.equal(result(captured(), { verdict: 'captured', quality: 'clean' }).expected, 'captured (clean)');
  t.equal(result(new Run()).lastPhase, null);
  t.notOk('quality' in result(firedRun()), 'only a capture has a quality');
});
