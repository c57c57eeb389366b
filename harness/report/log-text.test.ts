import stripAnsi from 'strip-ansi';
import t from 'tap';
import { logFixtures, readLogText } from '../testing/recordings/log-fixtures.js';
import { logText } from './log-text.js';

const fixtures = await logFixtures();
const reportOf = (name: string) => {
  const fixture = fixtures.find((candidate) => candidate.name === name);
  if (fixture === undefined) throw new Error(`there is no log ${name}`);
  return readLogText(fixture.bytes);
};

void t.test('a crash from top to bottom', async (t) => {
  t.equal(
    logText(reportOf('boot-without-root'), { color: false }),
    [
      'test.log: 8 lines, 1 boot, 1 crash',
      '',
      'crash        1 of 1: boot 1, 6.1.0-28-amd64, no crash kernel loaded, lines 1 to 8',
      'verdict      boot-failed: panic-during-boot',
      '             the first kernel panicked before it started its init: VFS: Unable to mount root fs on unknown-block(0,0)',
      'ladder       panic-entered      test.log:6',
      'lines        test.log:6  [    1.920000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
      '             test.log:7  [    1.930000] CPU: 1 PID: 1 Comm: swapper/0 Not tainted 6.1.0-28-amd64 #1',
      'next         crashpath run sysrq-task --kernel debian:6.1',
      '               does this kernel dump at all',
      '',
    ].join('\n'),
  );
});

void t.test('what is undetermined says what would decide it, and stacks name their CPUs', async (t) => {
  const text = logText(reportOf('two-stacks-of-2012'), { color: false });
  t.match(text, /^verdict +undetermined: log-ends-after-panic$/m);
  t.match(text, /^to decide +\S/m);
  t.match(text, / {2}CPU 0 \(swapper\/0\): crash_nmi_callback < .* < mask_ioapic_irq < /);
  t.match(
    text,
    /^causes +ioapic-lock: [^\n]+\n +test\.log:\d+ {2}stack: queued_spin_lock_slowpath[^\n]+\n +do: [^\n]+\n +source: arch\//m,
  );
});

void t.test('logs without a crash, with many, and with colour', async (t) => {
  t.equal(logText(reportOf('near-quotations'), { color: false }), 'test.log: 9 lines, 1 boot, no crash\n');
  t.match(logText(reportOf('conserver-four-boots'), { color: false }), /^crash +2 of 2: boot 3,/m);
  for (const { bytes } of fixtures) {
    const report = readLogText(bytes);
    const plain = logText(report, { color: false });
    t.match(plain, /^[\x20-\x7e\n]+$/, 'printable');
    t.equal(stripAnsi(logText(report, { color: true })), plain, 'colour adds nothing');
  }
});
