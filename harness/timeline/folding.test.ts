import t from 'tap';
import { classify } from '../classify/classify.js';
import type { RunRecord } from '../model/record.js';
import { firedRun, type MadeRun, madePlan } from '../testing/builders/runs.js';
import { eventsOf } from '../testing/recordings/fixtures.js';
import { createTimeline } from './timeline.js';

const LINE = '[  101.437912] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!';
const PLAN = madePlan();
const numberOf = (records: readonly RunRecord[], type: string) =>
  eventsOf(records, PLAN).filter((event) => event.type === type).length;
const lines = (count: number) => Array.from({ length: count }, () => '[   10.000000] Oops: 0002 [#1]');
const chunk = (text: string, atMs: number, channel: 'console' | 'control' = 'console'): RunRecord => ({
  ...{ kind: 'chunk', atMs, channel },
  bytes: Buffer.from(text),
});

t.test('a storm is kept up to a number, and the rest is counted', async (t) => {
  const storm = (lines: number) => [chunk(`Kernel panic - not syncing: x\n`.repeat(lines), 5)];
  t.equal(numberOf(storm(256), 'panic'), 256);
  t.equal(numberOf(storm(256), 'folded'), 0);
  t.equal(numberOf(storm(1_000), 'panic'), 256);
  const folded = eventsOf(storm(1_000), PLAN).at(-1);
  t.match(folded, { type: 'folded', what: 'panic production', count: 744, atMs: 5 });
  t.match(folded?.at, { source: 'console', offset: 999 * 30, length: 29 }, 'the last of them');
});

t.test('kinds are counted apart, sides as well', async (t) => {
  const lines = ['Rebooting in 5 seconds..', 'Kernel panic - not syncing: x', 'Oops: 0002 [#1]'];
  const events = eventsOf([chunk(`${lines.join('\n')}\n`.repeat(300), 5)], PLAN);
  t.strictSame(
    events.flatMap((event) => (event.type === 'folded' ? [`${event.what} ${event.count}`] : [])),
    ['reboot-announced production 44', 'panic production 44', 'oops production 44'],
  );
});

t.test('behind them one each second, and the first behind what is no line of a console', async (t) => {
  const storm = (atMs: number) => chunk('Oops: 0002 [#1]\n'.repeat(300), atMs);
  const from = (records: readonly RunRecord[]) =>
    eventsOf(records, PLAN).flatMap((event) => (event.type === 'oops' ? [event.atMs] : []));
  t.strictSame(from([storm(5), storm(900), storm(1_005), storm(1_100)]).slice(256), [1_005]);
  const answer = chunk('CP1 {"ev":"reply","id":1,"status":0,"out":""}\n', 50, 'control');
  t.strictSame(from([storm(5), answer, storm(60), storm(70)]).slice(256), [60]);
  const hostTime: RunRecord = {
    kind: 'host',
    line: 0,
    record: { seq: 1, atMs: 50, fact: 'host-time', threads: [] },
  };
  t.strictSame(from([storm(5), hostTime, storm(60)]).slice(256), [], 'time that passes is no news');
});

t.test('a guest that never ends to print takes no memory', async (t) => {
  const timeline = createTimeline(PLAN.limits);
  let kept = 0;
  const texts = [`${LINE}\n`.repeat(2_000), 'x\n'.repeat(2_000), 'no end'.repeat(2_000)];
  for (let round = 0; round < 100; round += 1) {
    for (const channel of ['console', 'control'] as const) {
      for (const text of texts) kept += timeline.push(chunk(text, round, channel)).length;
    }
  }
  // In the first kernel a watchdog's report is no event: what is left are lines that are no frames.
  t.ok(kept <= 2 * 256, `${kept} events of 400,000 lines`);
});

t.test('what is left out is cited', async (t) => {
  const run = firedRun()
    .panic()
    .console(...lines(400));
  const { evidence } = classify(eventsOf(run.records, PLAN), PLAN);
  t.match(
    evidence.find(({ what }) => what === 'folded'),
    { excerpt: '144 more of "oops production" are not listed', source: 'console' },
  );
  const few = classify(eventsOf(firedRun().panic().records, PLAN), PLAN);
  t.notOk(few.evidence.some(({ what }) => what === 'folded'));
});

t.test('a log that is read from memory adds nothing to a kind that was left out', async (t) => {
  const text = lines(500).join('\n');
  const withLog = (run: MadeRun) =>
    numberOf(run.host({ fact: 'kernel-log', side: 'production', text }).records, 'oops');
  t.equal(withLog(firedRun().console(...lines(400))), 256);
  t.equal(withLog(firedRun().console(...lines(1))), 500, 'one was shown, the log has the others');
});
