import t from 'tap';
import { madeTrace } from '../testing/builders/instruction-trace.js';
import { landmarks, nextPoints } from './next-points.js';
import { isReachable, approachesTo } from './approach.js';
import type { TracePoint } from './instruction-trace.js';

const TRACE = madeTrace(30, { groupLength: 10 });

function indexes(approaches: ReturnType<typeof approachesTo>): number[] {
  return approaches.map(({ at }) => at);
}

/** A trace in which each of these points has the address of point 5. */
function revisiting(...points: readonly number[]): readonly TracePoint[] {
  return TRACE.map((point) => (points.includes(point.index) ? { ...point, at: TRACE[5]?.at ?? '' } : point));
}

void t.test('the first point of every place is run to, and nothing else that need not be', async (t) => {
  const trace = TRACE.map((point): TracePoint => (point.index < 10 ? point : { ...point, place: 'jump' }));
  t.strictSame(indexes(approachesTo(trace, 20)), [10, 19]);
  t.strictSame(indexes(approachesTo(trace, 10)), [10], 'a place does not lead through itself');
  t.strictSame(indexes(approachesTo(trace, 9)), [9]);
  t.strictSame(indexes(approachesTo(trace, 0)), [0]);
});

void t.test('earlier visits to an address are passed by running to a point after them', async (t) => {
  t.strictSame(indexes(approachesTo(revisiting(25), 25)), [6, 25]);
  t.strictSame(indexes(approachesTo(revisiting(25), 5)), [5]);
  t.strictSame(indexes(approachesTo(revisiting(15, 25), 25)), [16, 25]);
});

void t.test('a function is entered from where it is called, a place is not', async (t) => {
  t.strictSame(approachesTo(TRACE, 20), [{ at: 19, next: 'step' }]);
  t.strictSame(approachesTo(TRACE, 21), [{ at: 21 }]);
  const staged = TRACE.map((point): TracePoint => (point.index < 20 ? point : { ...point, place: 'jump' }));
  t.strictSame(approachesTo(staged, 20), [{ at: 20 }]);
  const over = madeTrace(30, { groupLength: 10, over: (index) => (index === 19 ? 'quick' : undefined) });
  t.strictSame(
    approachesTo(over, 20),
    [{ at: 20 }],
    'a call that was stepped over is more than one instruction',
  );
  const long = madeTrace(30, { groupLength: 10, over: (index) => (index === 18 ? 'long' : undefined) });
  t.strictSame(approachesTo(long, 20), [{ at: 18 }, { at: 19 }, { at: 19, next: 'step' }]);
});

void t.test('long calls are done before a breakpoint is set further on', async (t) => {
  const trace = madeTrace(30, {
    over: (index) => (index === 9 ? 'long' : index === 12 ? 'quick' : undefined),
  });
  t.strictSame(indexes(approachesTo(trace, 20)), [9, 10, 20]);
  t.strictSame(indexes(approachesTo(trace, 10)), [9, 10], 'it stands there then');
  t.strictSame(indexes(approachesTo(trace, 9)), [9], 'the NMI is sent before the call');
  t.notOk(
    approachesTo(trace, 20).some(({ next }) => next !== undefined),
    'a breakpoint behind it will do',
  );
  const twice = madeTrace(30, { over: (index) => (index === 9 || index === 10 ? 'long' : undefined) });
  t.strictSame(indexes(approachesTo(twice, 20)), [9, 10, 11, 20], 'one right after the other');
});

void t.test('a call behind which no breakpoint may be is stepped over', async (t) => {
  const trace = madeTrace(30, { over: (index) => (index === 9 || index === 10 ? 'watched' : undefined) });
  t.strictSame(approachesTo(trace, 20), [{ at: 9, next: 'over' }, { at: 10, next: 'over' }, { at: 20 }]);
  t.strictSame(approachesTo(trace, 11).at(-1), { at: 10, next: 'over' }, 'it stands at the point then');
  t.strictSame(approachesTo(trace, 9), [{ at: 9 }]);
});

void t.test('a point behind too many visits of its address is tried by no sweep', async (t) => {
  const loop = madeTrace(400).map((point) =>
    point.index >= 100 && point.index < 300
      ? { ...point, at: `0x${(0x9000 + (point.index % 2)).toString(16)}` }
      : point,
  );
  t.equal(isReachable(loop, 130), true);
  t.equal(isReachable(loop, 298), false);
  t.equal(isReachable(loop, 399), true, 'what follows the loop is reached all the same');
  const known = new Map<number, 'captured' | 'reset'>(landmarks(loop).map((index) => [index, 'captured']));
  for (const index of known.keys()) if (index >= 320) known.set(index, 'reset');
  known.set(296, 'captured').set(299, 'reset');
  t.strictSame(nextPoints(loop, known), [], 'the change stays between the two');
});
