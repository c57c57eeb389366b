import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { HostFact } from '../../model/record.js';
import { reportHostTime } from './host-time.js';

/** A /proc with one process whose tasks have these schedstats. */
function madeProc(t: Test, stats: Readonly<Record<string, string>>) {
  const proc = t.testdir({});
  for (const [tid, text] of Object.entries(stats)) {
    const folder = join(proc, '7', 'task', tid);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'schedstat'), text);
  }
  return proc;
}

t.test(
  'the main thread from the start, the vCPUs as soon as they are known, and a last report',
  async (t) => {
    const proc = madeProc(t, { 7: '1500000000 20000000 9\n', 8: '7000000 1234567890 3\n' });
    const facts: HostFact[] = [];
    const reporter = reportHostTime(7, (fact) => facts.push(fact), { proc, everyMs: 5 });
    await sleep(30);
    t.strictSame(facts[0], { fact: 'host-time', threads: [{ thread: 'main', ranMs: 1500, waitedMs: 20 }] });
    reporter.follow([
      { thread: 'vcpu0', tid: 8 },
      { thread: 'vcpu1', tid: 8 },
      { thread: 'vcpu2', tid: 9 },
    ]);
    reporter.stop();
    t.strictSame(
      facts.at(-1),
      {
        fact: 'host-time',
        threads: [
          { thread: 'main', ranMs: 1500, waitedMs: 20 },
          { thread: 'vcpu0', ranMs: 7, waitedMs: 1234.57 },
        ],
      },
      'a thread that two vCPUs share counts once; one that is gone is left out',
    );
    const { length } = facts;
    await sleep(20);
    t.equal(facts.length, length, 'nothing comes after the stop');
  },
);

t.test('a kernel that does not count, or has no such file, reports nothing', async (t) => {
  const facts: HostFact[] = [];
  reportHostTime(7, (fact) => facts.push(fact), { proc: madeProc(t, { 7: '0 0 0\n' }) }).stop();
  reportHostTime(7, (fact) => facts.push(fact), { proc: madeProc(t, { 7: 'hello\n' }) }).stop();
  reportHostTime(6, (fact) => facts.push(fact), { proc: madeProc(t, { 7: '1 1 1\n' }) }).stop();
  t.strictSame(facts, []);
});
