import t from 'tap';
import { madeOutcome, madeTrace } from '../testing/builders/instruction-trace.js';
import { compareMaps } from './compare-maps.js';
import { type MapHead, mapOf } from './map.js';
import type { EndWord } from '../model/verdict.js';

const HEAD: MapHead = {
  kernel: { spec: 'debian:6.1', release: '6.1.0-56-amd64', captureRelease: '6.1.0-56-amd64' },
  cpus: 1,
  accel: 'tcg',
  runs: 7,
  complete: true,
  control: { verdict: 'captured', runId: 'a-trace-made' },
};

function outcomes(ends: Readonly<Record<number, EndWord>>) {
  return new Map(Object.entries(ends).map(([index, end]) => [Number(index), madeOutcome(end)]));
}

void t.test('a window has its first and last instruction, exact where the next one is known', async (t) => {
  const trace = madeTrace(100);
  const map = mapOf(
    trace,
    outcomes({ 0: 'captured', 41: 'captured', 42: 'reset', 60: 'reset', 70: 'captured', 99: 'captured' }),
    HEAD,
  );
  t.equal(map.windows.length, 1);
  const [window] = map.windows;
  t.match(window, { firstExact: true, lastExact: false, ends: ['reset: triple fault'] });
  t.equal(window?.first.name, 'f1+0x8');
  t.equal(window?.last.index, 60);
  t.match(map.changes, [
    { exact: true, untried: 0 },
    { exact: false, untried: 9 },
  ]);
});

void t.test('two neighbours with a call between them are not two instructions', async (t) => {
  const trace = madeTrace(10, { over: (index) => (index === 4 ? 'quick' : undefined) });
  const map = mapOf(trace, outcomes({ 0: 'captured', 4: 'captured', 5: 'reset', 9: 'reset' }), HEAD);
  t.match(map.changes, [{ exact: false, untried: 0 }]);
  t.match(map.windows, [{ firstExact: false, lastExact: false }]);
});

void t.test('captured between two windows keeps them apart; unknown and two ends do not', async (t) => {
  const trace = madeTrace(50);
  const apart = mapOf(
    trace,
    outcomes({ 0: 'captured', 1: 'reset', 2: 'captured', 3: 'hang', 4: 'captured' }),
    HEAD,
  );
  t.equal(apart.windows.length, 2);
  const joined = mapOf(
    trace,
    outcomes({ 0: 'captured', 1: 'reset', 2: 'unknown', 3: 'hang', 4: 'captured' }),
    HEAD,
  );
  t.match(joined.windows, [{ ends: ['reset: triple fault', 'hang'] }]);
});

void t.test('where every probed point is captured there is no window', async (t) => {
  const map = mapOf(madeTrace(5), outcomes({ 0: 'captured', 4: 'captured' }), HEAD);
  t.strictSame(map.windows, []);
});

void t.test('two maps: what moved is what a function of both does otherwise', async (t) => {
  const trace = madeTrace(80);
  const [old, fixed] = [
    mapOf(trace, outcomes({ 0: 'captured', 41: 'reset', 79: 'captured' }), HEAD),
    mapOf(trace, outcomes({ 0: 'captured', 41: 'hang', 79: 'captured' }), HEAD),
  ];
  const comparison = compareMaps(old, fixed);
  t.equal(comparison.moved, true);
  t.match(
    comparison.groups.map(({ group, moved }) => [group, moved]),
    [
      ['f0', false],
      ['f1', true],
    ],
  );
  t.equal(compareMaps(old, old).moved, false);
});
