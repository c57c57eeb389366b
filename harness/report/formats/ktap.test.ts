import t from 'tap';
import {
  HOSTILE_LINES,
  hostileRun,
  largeRun,
  madeNight,
  madeReport,
  mixedRuns,
  stored,
  VOID,
} from '../../testing/builders/reports.js';
import { ktapText } from './ktap.js';

t.test('versions, subtests, plans, results and directives', async (t) => {
  const text = ktapText(madeReport(mixedRuns()));
  const results = text.split('\n').filter((line) => !/^ *# (?!Subtest)/.test(line));
  t.strictSame(results.slice(0, 19), [
    'KTAP version 1',
    '1..5',
    '  KTAP version 1',
    '  # Subtest: lock-held',
    '  1..1',
    '    KTAP version 1',
    '    # Subtest: broken',
    '    1..2',
    '    ok 1 trial 1',
    '    not ok 2 trial 2',
    '  not ok 1 broken',
    'not ok 1 lock-held',
    '  KTAP version 1',
    '  # Subtest: pmu',
    '  1..1',
    '    KTAP version 1',
    '    # Subtest: stock',
    '    1..1',
    '    not ok 1 trial 1 # ERROR harness-error/qemu-died: QEMU was killed by SIGSEGV',
  ]);
  t.match(text, /^ {4}ok 1 trial 1 # SKIP void\/state-not-proved: the lock was not held$/m);
  t.match(text, /^ {2}ok 1 stock # SKIP$/m);
  t.match(text, /^ {4}# console > {5}4: .*Kernel panic - not syncing: sysrq triggered crash$/m);
});

t.test('every line of a guest has words in front of it', async (t) => {
  const lines = ktapText(madeReport([hostileRun()])).split('\n');
  t.equal(lines.filter((line) => /^ *(not )?ok /.test(line)).length, 3);
  t.equal(lines.filter((line) => /^ *# Subtest: /.test(line)).length, 2);
  t.equal(lines.filter((line) => /^ *KTAP version 1$/.test(line)).length, 3);
  t.notMatch(
    lines.filter((line) => /^ *(not )?ok |^ *# Subtest/.test(line)).join('\n'),
    /ok .*#|Subtest: .*#/,
  );
  t.equal(lines.filter((line) => / # console > /.test(line)).length, HOSTILE_LINES.length);
});

t.test("words that end the results for the kernel's parser are broken, near misses are not", async (t) => {
  const console = Buffer.from(
    'Kernel panic - not syncing: VFS: x\nKernel panic - not syncing: Attempted\nreboot: Power down\nreboot: System halted\n',
  );
  const text = ktapText(madeReport([stored({ result: VOID, console })]));
  t.match(text, /: Kernel panic - not syncing\\x3a VFS: x\n/);
  t.match(text, /: Kernel panic - not syncing: Attempted\n/);
  t.match(text, /: reboot: Power down\n/);
  t.match(text, /: reboot\\x3a System halted\n/);
});

t.test('a cell that has the name of its scenario gets another one', async (t) => {
  const text = ktapText(madeReport([stored({ scenario: 'stock', kernel: 'stock' })]));
  t.match(text, /\n {2}ok 1 on stock\nok 1 stock\n$/);
});

t.test('a night: cells below scenarios, and why it is blind', async (t) => {
  const text = ktapText(
    madeReport(mixedRuns(), madeNight({ blind: true, blindBecause: ['no-zap captured'] })),
  );
  t.match(text, /^# the night is blind: no-zap captured$/m);
  t.match(text, /^ {2}ok 1 broken # SKIP not judged, the night is blind \(regressed: /m);
});

t.test('8 MiB of console: what is shown is bounded', async (t) => {
  for (const line of ['x', '\u0000', 'ok 1\n']) {
    const text = ktapText(madeReport([largeRun(line)]));
    t.ok(text.length < 40_000, `${text.length} characters`);
  }
});
