import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { BANNER, CAPTURE_LINE } from '../testing/builders/console.js';
import { madePlan } from '../testing/builders/runs.js';
import { TESTDATA } from '../testing/recordings/fixtures.js';
import { executionsOf } from '../testing/regexps.js';
import { createTimeline } from '../timeline/timeline.js';
import { createLogReader } from './read-log.js';

/** Lines of a boot that are no events. */
const text = await readFile(join(TESTDATA, 'captured-6.1', 'console.bin'), 'latin1');
const PLAIN = text.split(/\r*\n/).slice(3, 300);
const START = `${BANNER}\n${CAPTURE_LINE}\n`;

/** Executions of patterns for each line, when a capture kernel prints these lines a few times. */
function perLine(lines: readonly string[], read: (text: string) => void): number {
  const times = 5;
  const start = executionsOf(() => read(START));
  const all = executionsOf(() => read(`${START}${`${lines.join('\n')}\n`.repeat(times)}`));
  return (all - start) / (lines.length * times);
}

function timeline(bytes: string): void {
  const reader = createTimeline(madePlan().limits);
  reader.push({ kind: 'chunk', atMs: 1, channel: 'console', bytes: Buffer.from(bytes, 'latin1') });
  reader.finish();
}

function log(bytes: string): void {
  const reader = createLogReader('log');
  reader.push(Buffer.from(bytes, 'latin1'));
  reader.finish();
}

t.test('a run tests a line that is no event once, whatever the number of signatures', async (t) => {
  const plain = perLine(PLAIN, timeline);
  t.ok(plain >= 1 && plain < 1.5, `${plain} for a line of a boot`);
});

t.test('a line that is one costs a few more', async (t) => {
  const storms = {
    'a signature': '[  101.437912] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]',
    'one that begins with a name': '[  101.437912] kworker/0:1: page allocation failure: order:3, mode:0xcc0',
    'an oops': '[  101.437912] BUG: kernel NULL pointer dereference, address: 0000000000000008',
    'in colours': '\u001b[32m[  101.437912]\u001b[0m Disabling IRQ #11',
  };
  for (const [name, line] of Object.entries(storms)) {
    const work = perLine(
      Array.from({ length: 600 }, () => line),
      timeline,
    );
    t.ok(work > 2 && work < 25, `${work} for ${name}`);
  }
});

t.test('a plain log has its prefixes besides', async (t) => {
  const plain = perLine(PLAIN, log);
  t.ok(plain >= 3 && plain < 10, `${plain} for a line of a boot`);
});
