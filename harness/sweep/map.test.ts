import t from 'tap';
import { compareMaps, comparisonText } from './compare-maps.js';
import { madeOutcome, madeWay } from '../testing/builders/instruction-trace.js';
import { type MapHead, mapOf } from './map.js';
import { mapHtml } from './map-html.js';
import { mapText } from './map-text.js';
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
  const way = madeWay(100);
  const map = mapOf(
    way,
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
  const text = mapText(map);
  t.match(text, /window 1: reset: triple fault\n {2}first {2}f1\+0x8 {2}mov %rax,%rbx {2}\[42\]\n/);
  t.match(text, /last {3}f1\+0x50 .*\(or later: see below\)/);
  t.match(text, /the change from f1\+0x50 \[60\] to f1\+0x78 \[70\] is not at one instruction: 9 points/);
});

void t.test('two neighbours with a call between them are not two instructions', async (t) => {
  const way = madeWay(10, { over: (index) => (index === 4 ? 'quick' : undefined) });
  const map = mapOf(way, outcomes({ 0: 'captured', 4: 'captured', 5: 'reset', 9: 'reset' }), HEAD);
  t.match(map.changes, [{ exact: false, untried: 0 }]);
  t.match(map.windows, [{ firstExact: false, lastExact: false }]);
  t.match(mapText(map), /inside what the first one does/);
});

void t.test('captured between two windows keeps them apart; unknown and two ends do not', async (t) => {
  const way = madeWay(50);
  const apart = mapOf(
    way,
    outcomes({ 0: 'captured', 1: 'reset', 2: 'captured', 3: 'hang', 4: 'captured' }),
    HEAD,
  );
  t.equal(apart.windows.length, 2);
  const joined = mapOf(
    way,
    outcomes({ 0: 'captured', 1: 'reset', 2: 'unknown', 3: 'hang', 4: 'captured' }),
    HEAD,
  );
  t.match(joined.windows, [{ ends: ['reset: triple fault', 'hang'] }]);
  t.match(mapText(joined), /1 unknown/);
});

void t.test('no window is said, an unfinished map and a control that failed as well', async (t) => {
  const map = mapOf(madeWay(5), outcomes({ 0: 'captured', 4: 'captured' }), {
    ...HEAD,
    complete: false,
    control: { verdict: 'capture-hang', runId: 'x' },
  });
  t.strictSame(map.windows, []);
  const text = mapText(map);
  t.match(text, /no window/);
  t.match(text, /NOT COMPLETE/);
  t.match(text, /control, traced without an NMI: capture-hang/);
});

void t.test('two maps: what moved is what a function of both does otherwise', async (t) => {
  const way = madeWay(80);
  const [old, fixed] = [
    mapOf(way, outcomes({ 0: 'captured', 41: 'reset', 79: 'captured' }), HEAD),
    mapOf(way, outcomes({ 0: 'captured', 41: 'hang', 79: 'captured' }), HEAD),
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
  t.match(comparisonText(comparison), /f1 .*reset: triple fault -> captured +hang -> captured +MOVED/);
  t.equal(compareMaps(old, old).moved, false);
  t.match(comparisonText(compareMaps(old, old)), /nothing moved/);
});

void t.test('a page shows points and escapes what the kernel is called', async (t) => {
  const map = mapOf(madeWay(3), outcomes({ 0: 'captured', 2: 'reset' }), {
    ...HEAD,
    kernel: { ...HEAD.kernel, spec: './<b>Image' },
  });
  const page = mapHtml([map], undefined);
  t.notMatch(page, '<b>Image');
  t.match(page, '&lt;b&gt;Image');
  t.match(page, /<td class="lost">reset: triple fault<\/td>/);
  t.notMatch(page, /<(script|link|img)\b/);
});
