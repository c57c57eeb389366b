import t from 'tap';
import { limitsFor } from '../plan/limits.js';
import { firedRun, type MadeRun, PARKED } from '../testing/builders/runs.js';
import { createTimeline } from '../timeline/timeline.js';
import { latencySummary, provedAfterMs } from './latency.js';

function latencyOf({ records }: MadeRun): number | null {
  const timeline = createTimeline(limitsFor('tcg', { scale: 1 }));
  const events = [...records.flatMap((record) => timeline.push(record)), ...timeline.finish()];
  return provedAfterMs(records, events);
}

/** Two vCPUs that are halted with interrupts off, for five seconds. */
function halted(run: MadeRun): MadeRun {
  const dead = { ...PARKED, rip: 0xffffffff81005000n };
  for (let second = 0; second < 6; second += 1) run.later(990).sample([PARKED, dead]);
  return run;
}

void t.test('from the last new place or byte to the proof', async (t) => {
  t.equal(latencyOf(halted(firedRun().panic())), 4000, 'the first sample shows new places');
  const run = halted(firedRun().panic());
  t.equal(
    latencyOf(run.console('late').control('late\n')),
    4000,
    'what comes after the proof does not count',
  );
  const seen = firedRun()
    .panic()
    .sample([PARKED, { ...PARKED, rip: 0xffffffff81005000n }]);
  t.equal(latencyOf(halted(seen.later(1000).console('last words'))), 4000, 'a byte, after known places');
});

void t.test('nothing is measured where no hang was proved', async (t) => {
  t.equal(latencyOf(firedRun().panic().captureBanner()), null);
});

void t.test('the middle and the worst', async (t) => {
  t.equal(latencySummary([]), undefined);
  t.strictSame(latencySummary([300]), { medianMs: 300, worstMs: 300, count: 1 });
  t.strictSame(latencySummary([900, 100, 500]), { medianMs: 500, worstMs: 900, count: 3 });
  t.strictSame(latencySummary([100, 900, 200, 300]), { medianMs: 250, worstMs: 900, count: 4 });
});
