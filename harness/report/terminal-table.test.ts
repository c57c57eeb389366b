import stripAnsi from 'strip-ansi';
import t from 'tap';
import type { RunResult } from '../model/result.js';
import { resultLine, verdictTable } from './terminal-table.js';
import { HOSTILE, reportFixtures } from '../testing/recordings/reported-run.js';

const { captured: CAPTURED, hung: HUNG } = reportFixtures();

const PLAIN = { color: false, width: 100 };

const DEGRADED: RunResult = { ...CAPTURED, trial: 3, quality: 'degraded', durationMs: 17_000 };
const VOID: RunResult = {
  ...CAPTURED,
  scenario: 'nmi-in-jump',
  kernel: '6.12.48+deb12-amd64',
  kernelSha256: 'aa',
  verdict: 'void',
  quality: undefined,
  outcome: 'inconclusive',
  detail: 'proof-failed',
};
const BROKEN: RunResult = { ...VOID, trial: 2, verdict: 'harness-error', outcome: 'harness-error' };

void t.test('one row for each scenario and kernels, then the summary', async (t) => {
  t.equal(
    verdictTable([HUNG, VOID, CAPTURED, BROKEN, DEGRADED], PLAIN),
    [
      'SCENARIO     KERNEL               TRIALS  VERDICTS               OUTCOME          MEDIAN',
      'nmi-in-jump  6.12.48+deb12-amd64       2  1 void                 1 inconclusive   16.6 s',
      '             -> 6.1.0-56-amd64            1 harness-error        1 harness-error',
      'sysrq-task   6.1.0-56-amd64            3  1 captured             2 expected       16.6 s',
      '                                          1 captured (degraded)  1 unexpected',
      '                                          1 crash-path-hang',
      '',
      '5 runs: 2 expected, 1 unexpected, 1 inconclusive, 1 harness error',
    ].join('\n'),
  );
});

void t.test('a machine that is not the default one has a row of its own and is named', async (t) => {
  const other: RunResult = { ...CAPTURED, machine: 'ivy-bridge' };
  const table = verdictTable([other, CAPTURED], PLAIN);
  t.match(table, /6\.1\.0-56-amd64 +1 .*\n.*6\.1\.0-56-amd64 +1 .*\n +on ivy-bridge/);
  t.match(resultLine(other, PLAIN), '6.1.0-56-amd64  ivy-bridge  trial 1  captured');
  t.notMatch(resultLine(CAPTURED, PLAIN), 'ivy-bridge');
});

void t.test('the order of results does not matter; kernels are in numeric order', async (t) => {
  const newer: RunResult = { ...CAPTURED, kernel: '6.12.0', kernelSha256: 'b', captureKernelSha256: 'b' };
  const older: RunResult = { ...CAPTURED, kernel: '6.2.0', kernelSha256: 'c', captureKernelSha256: 'c' };
  const table = verdictTable([newer, HUNG, older, CAPTURED], PLAIN);
  t.equal(verdictTable([CAPTURED, older, HUNG, newer], PLAIN), table);
  t.match(table, /6\.1\.0-56.*6\.2\.0.*6\.12\.0/s);
});

void t.test('kernels of one label but other bytes are distinguished', async (t) => {
  const patched = { ...CAPTURED, kernelSha256: 'ffff000011', captureKernelSha256: 'ffff000011' };
  const table = verdictTable([CAPTURED, patched], PLAIN);
  t.match(table, '6.1.0-56-amd64 [26f2e57c]  ');
  t.match(table, '6.1.0-56-amd64 [ffff0000]  ');
});

void t.test('colours: green, red, yellow, magenta; the words stay', async (t) => {
  const results = [CAPTURED, HUNG, VOID, BROKEN];
  const colored = verdictTable(results, { ...PLAIN, color: true });
  for (const text of [
    '\u001b[32m1 expected\u001b[39m',
    '\u001b[31m1 unexpected\u001b[39m',
    '\u001b[33m1 inconclusive\u001b[39m',
    '\u001b[35m1 harness-error\u001b[39m',
    '\u001b[35m4 runs: ',
  ]) {
    t.ok(colored.includes(text), JSON.stringify(text));
  }
  t.equal(stripAnsi(colored), verdictTable(results, PLAIN));
});

void t.test('long names are folded into the width', async (t) => {
  const long = {
    ...VOID,
    scenario: 'a-scenario-with-a-very-long-name-indeed-about-the-io-apic-lock',
    kernel: 'Z'.repeat(90),
    captureKernel: `6.12-${'y'.repeat(50)}`,
  };
  for (const width of [0, 80, 90, 100, 1000]) {
    const lines = verdictTable([long, CAPTURED, DEGRADED], { color: false, width }).split('\n');
    const limit = Math.min(100, Math.max(80, width));
    const rows = lines.slice(0, -2);
    t.ok(
      rows.every((line) => line.length <= limit),
      `${width}: ${Math.max(...rows.map((line) => line.length))} columns`,
    );
    t.equal(rows.join('').match(/Z/g)?.length, 90, 'nothing is lost');
  }
});

void t.test('a thousand trials still fit 100 columns', async (t) => {
  const many = Array.from({ length: 1000 }, () => [{ ...DEGRADED, scenario: 'long-'.repeat(12) }, BROKEN]);
  for (const line of verdictTable(many.flat(), PLAIN).split('\n')) t.ok(line.length <= 100, line);
});

void t.test('no results: the summary alone', async (t) => {
  t.equal(verdictTable([], PLAIN), '0 runs: 0 expected, 0 unexpected, 0 inconclusive, 0 harness error');
});

void t.test('one line for each end of a run', async (t) => {
  t.equal(
    resultLine(CAPTURED, { color: false }),
    'expected       sysrq-task  6.1.0-56-amd64  trial 1  captured  16.6 s',
  );
  t.equal(
    resultLine({ ...CAPTURED, undecided: ['timer-not-connected'] }, { color: false }),
    'expected       sysrq-task  6.1.0-56-amd64  trial 1  captured; not judged: timer-not-connected  16.6 s',
  );
  const clone = { template: 'templates/001', tookMs: 5 };
  t.match(resultLine({ ...CAPTURED, clone }, PLAIN), 'captured; a clone  16.6 s');
  t.match(resultLine({ ...CAPTURED, clone: { booted: 'control' } }, PLAIN), 'captured; a control  16.6 s');
  t.match(resultLine({ ...CAPTURED, clone: { booted: 'no-room' } }, PLAIN), '; booted: no-room  16.6 s');
  t.match(resultLine({ ...CAPTURED, clone: { booted: 'few-runs' } }, PLAIN), 'captured  16.6 s');
  t.match(resultLine({ ...CAPTURED, host: 'ssh://box' }, PLAIN), 'trial 1  on ssh://box  captured');
  t.equal(
    resultLine(HUNG, { color: false }),
    'unexpected     sysrq-task  6.1.0-56-amd64  trial 2  crash-path-hang (all-vcpus-halted), expected captured  12.7 s  r2',
  );
  t.match(resultLine({ ...CAPTURED, accel: 'kvm', accelUnproved: 'slow' }, PLAIN), '; under kvm, not proved');
  t.equal(resultLine(HUNG, { color: true }).replace(/ .*/s, ''), '\u001b[31munexpected');
});

void t.test('hostile names stay on their line', async (t) => {
  const hostile = {
    ...HUNG,
    host: HOSTILE,
    scenario: HOSTILE,
    kernel: HOSTILE,
    detail: HOSTILE,
    expected: HOSTILE,
  };
  for (const text of [resultLine(hostile, { color: false }), verdictTable([hostile], PLAIN)]) {
    t.notMatch(text, /[^\x20-\x7e\n]/);
  }
  t.notMatch(resultLine(hostile, { color: false }), '\n');
  t.ok(resultLine({ ...HUNG, detail: 'z'.repeat(1e6) }, { color: false }).length < 400);
});
