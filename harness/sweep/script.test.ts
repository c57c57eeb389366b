import t from 'tap';
import { contradictionIn } from '../plan/check-choreography.js';
import { needsQtest } from '../plan/needs-qtest.js';
import { madeWay } from './made-way.js';
import { firstScenario, pathTo, pointName, pointOf, pointScenario, traceScenario } from './script.js';
import type { WayPoint } from './way.js';

const WAY = madeWay(30, { groupLength: 10 });

function stepsOf({ trigger }: ReturnType<typeof pointScenario>) {
  return trigger.kind === 'choreography' ? trigger.steps : [];
}

void t.test('scenarios of a sweep do not contradict themselves, with one vCPU or two', async (t) => {
  for (const made of [traceScenario(), firstScenario(), pointScenario(WAY, 0), pointScenario(WAY, 29)]) {
    t.equal(contradictionIn(stepsOf(made), 1), undefined, made.name);
    t.equal(contradictionIn(stepsOf(made), 2), undefined, made.name);
  }
  t.equal(needsQtest(firstScenario()), true);
  t.equal(needsQtest(pointScenario(WAY, 3)), true);
});

void t.test(
  'a point in the crashed kernel is a function and an offset, with the IDT that must be there',
  async (t) => {
    const steps = stepsOf(pointScenario(WAY, 12));
    t.match(steps.slice(-3), [
      { run: { to: { in: 'f1', offset: 8 }, idt: '0xfffffe0000000000/0xfff' } },
      { interrupt: { role: 'crasher', nmi: true } },
      { release: 'all' },
    ]);
  },
);

void t.test('a point after the jump is a linear address, reached stage by stage', async (t) => {
  const way = WAY.map(
    (point): WayPoint =>
      point.index < 10
        ? point
        : { ...point, stage: point.index < 20 ? 'jump' : 'purgatory', at: `0x${point.index}` },
  );
  const places = stepsOf(pointScenario(way, 25)).flatMap((step) => ('run' in step ? [step.run.to] : []));
  t.strictSame(places, ['panic', { linear: '0x10' }, { linear: '0x20' }, { linear: '0x25' }]);
  t.strictSame(pathTo(way, 10), [10], 'a stage does not lead through itself');
});

void t.test('an address that comes up before its turn is passed by way of what follows it', async (t) => {
  const looped = WAY.map((point) => (point.index === 20 ? { ...point, at: WAY[5]?.at ?? '' } : point));
  t.strictSame(pathTo(looped, 20), [6, 20]);
  t.strictSame(pathTo(looped, 5), [5]);
  const twice = WAY.map((point) =>
    [10, 20].includes(point.index) ? { ...point, at: WAY[5]?.at ?? '' } : point,
  );
  t.strictSame(pathTo(twice, 20), [11, 20]);
});

void t.test("a point's name is found again, and nothing else's", async (t) => {
  for (const index of [0, 7, 1234, 123_456]) t.equal(pointOf(pointName(index)), index);
  t.equal(pointOf('nmi-transition-trace'), undefined);
  t.equal(pointOf('nmi-transition-12'), undefined);
  t.throws(() => pointScenario(WAY, 30), /no point 30/);
});
