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

void t.test('what is kept of a run comes from its facts, and changes no verdict', async (t) => {
  const dump = {
    source: 'outside' as const,
    file: 'vmcore',
    format: 'kdump-compressed' as const,
    bytes: 5_000_000,
    pages: 1000,
    level: 1,
    vmcoreinfo: true,
  };
  const symbols = [{ file: 'first-kernel.elf', text: '0xffffffff81000000', end: '0xffffffff82000000' }];
  const guest = { pid: 7, forMinutes: 60, symbols };
  const hung = () => firedRun().panic().shutdown('guest-reset');
  const kept = result(
    hung()
      .host({ fact: 'vmcore-kept', ...dump })
      .host({ fact: 'guest-kept', ...guest }),
  );
  t.strictSame([kept.vmcore, kept.guestKept], [dump, guest]);
  t.strictSame(RunResultSchema.parse(kept), kept);
  const none = result(
    hung()
      .host({ fact: 'vmcore-not-kept', why: 'the disk is full' })
      .host({ fact: 'guest-not-kept', why: '1 of 1 guests are up already' }),
  );
  t.strictSame(
    [none.vmcore, none.guestKept],
    [{ missing: 'the disk is full' }, { missing: '1 of 1 guests are up already' }],
  );
  const plain = result(hung());
  t.notOk('vmcore' in plain || 'guestKept' in plain);
  for (const one of [kept, none])
    t.strictSame([one.verdict, one.detail, one.outcome], [plain.verdict, plain.detail, plain.outcome]);
});
