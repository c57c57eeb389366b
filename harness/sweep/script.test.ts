import t from 'tap';
import { needsQtest } from '../plan/guest-spec.js';
import { madeTrace } from '../testing/builders/instruction-trace.js';
import { contradictionIn } from '../trigger/check-choreography.js';
import { firstScenario, pointName, pointOf, pointScenario, traceName, traceScenario } from './script.js';
import type { TracePoint } from './instruction-trace.js';

const TRACE = madeTrace(30, { groupLength: 10 });

function stepsOf({ trigger }: ReturnType<typeof pointScenario>) {
  return trigger.kind === 'choreography' ? trigger.steps : [];
}

void t.test('scenarios of a sweep do not contradict themselves, with one vCPU or two', async (t) => {
  for (const made of [
    traceScenario(),
    traceScenario(2, ['0x1000']),
    firstScenario(),
    pointScenario(TRACE, 0),
    pointScenario(TRACE, 29),
  ]) {
    t.equal(contradictionIn(stepsOf(made), 1), undefined, made.name);
    t.equal(contradictionIn(stepsOf(made), 2), undefined, made.name);
  }
  t.equal(needsQtest(firstScenario()), true);
  t.equal(needsQtest(pointScenario(TRACE, 3)), true);
});

void t.test(
  'a point in the crashed kernel is a function and an offset, with the IDT that must be there',
  async (t) => {
    const steps = stepsOf(pointScenario(TRACE, 12));
    t.match(steps.slice(-3), [
      { run: { to: { in: 'f1', offset: 8 }, idt: '0xfffffe0000000000/0xfff' } },
      { interrupt: { role: 'crasher', nmi: true } },
      { release: 'all' },
    ]);
  },
);

void t.test('a point after the jump is a linear address, reached place by place', async (t) => {
  const trace = TRACE.map(
    (point): TracePoint =>
      point.index < 10
        ? point
        : { ...point, place: point.index < 20 ? 'jump' : 'purgatory', at: `0x${point.index}` },
  );
  const locations = stepsOf(pointScenario(trace, 25)).flatMap((step) => ('run' in step ? [step.run.to] : []));
  t.strictSame(locations, ['panic', { linear: '0x10' }, { linear: '0x20' }, { linear: '0x25' }]);
});

void t.test('a call behind which no breakpoint may be is run to and stepped over', async (t) => {
  const hot = madeTrace(30, { groupLength: 10, over: (index) => (index === 9 ? 'watched' : undefined) });
  t.match(stepsOf(pointScenario(hot, 10)).slice(-3), [
    { run: { to: { in: 'f0', offset: 36 }, thenOver: 'call', idt: '0xfffffe0000000000/0xfff' } },
    { interrupt: { role: 'crasher', nmi: true } },
    { release: 'all' },
  ]);
  t.equal(contradictionIn(stepsOf(pointScenario(hot, 20)), 1), undefined);
});

void t.test("a point's name is found again, and nothing else's", async (t) => {
  for (const index of [0, 7, 1234, 123_456]) t.equal(pointOf(pointName(index)), index);
  t.equal(pointOf(traceName(1)), undefined);
  t.equal(pointOf(traceName(2)), undefined);
  t.equal(pointOf('nmi-transition-12'), undefined);
  t.throws(() => pointScenario(TRACE, 30), /no point 30/);
});
