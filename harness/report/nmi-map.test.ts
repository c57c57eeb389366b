import t from 'tap';
import { compareMaps } from '../sweep/compare-maps.js';
import { type MapHead, mapOf } from '../sweep/map.js';
import type { EndWord } from '../model/verdict.js';
import { madeOutcome, madeTrace } from '../testing/builders/instruction-trace.js';
import { comparisonText, mapText } from './nmi-map-text.js';

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

void t.test('a window shows its first and last instruction, and where they are not exact', async (t) => {
  const ends = outcomes({
    0: 'captured',
    41: 'captured',
    42: 'reset',
    60: 'reset',
    70: 'captured',
    99: 'captured',
  });
  const text = mapText(mapOf(madeTrace(100), ends, HEAD));
  t.match(text, /window 1: reset: triple fault\n {2}first {2}f1\+0x8 {2}mov %rax,%rbx {2}\[42\]\n/);
  t.match(text, /last {3}f1\+0x50 .*\(or later: see below\)/);
  t.match(text, /the change from f1\+0x50 \[60\] to f1\+0x78 \[70\] is not at one instruction: 9 points/);
});

void t.test('a change inside a call that was stepped over, and unknown points, are shown', async (t) => {
  const trace = madeTrace(10, { over: (index) => (index === 4 ? 'quick' : undefined) });
  const inside = mapOf(trace, outcomes({ 0: 'captured', 4: 'captured', 5: 'reset', 9: 'reset' }), HEAD);
  t.match(mapText(inside), /inside what the first one does/);
  const ends = outcomes({ 0: 'captured', 1: 'reset', 2: 'unknown', 3: 'hang', 4: 'captured' });
  t.match(mapText(mapOf(madeTrace(50), ends, HEAD)), /1 unknown/);
});

void t.test('no window, an unfinished map and a failed control are reported', async (t) => {
  const map = mapOf(madeTrace(5), outcomes({ 0: 'captured', 4: 'captured' }), {
    ...HEAD,
    complete: false,
    control: { verdict: 'capture-hang', runId: 'x' },
  });
  const text = mapText(map);
  t.match(text, /no window/);
  t.match(text, /NOT COMPLETE/);
  t.match(text, /control, traced without an NMI: capture-hang/);
});

void t.test('two maps side by side, with every change marked', async (t) => {
  const trace = madeTrace(80);
  const [old, fixed] = [
    mapOf(trace, outcomes({ 0: 'captured', 41: 'reset', 79: 'captured' }), HEAD),
    mapOf(trace, outcomes({ 0: 'captured', 41: 'hang', 79: 'captured' }), HEAD),
  ];
  t.match(
    comparisonText(compareMaps(old, fixed)),
    /f1 .*reset: triple fault -> captured +hang -> captured +MOVED/,
  );
  t.match(comparisonText(compareMaps(old, old)), /nothing moved/);
});
