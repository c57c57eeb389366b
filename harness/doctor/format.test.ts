import stripAnsi from 'strip-ansi';
import t from 'tap';
import type { DoctorReport } from './check.js';
import { worstStatus } from './check.js';
import { formatDoctor } from './format.js';

const REPORT: DoctorReport = {
  status: 'fail',
  checks: [
    { name: 'QEMU', status: 'ok', found: '7.2.22' },
    { name: 'accelerator', status: 'warn', found: 'tcg', remedy: 'use a better host' },
    { name: 'kexec', status: 'fail', found: 'not found', remedy: 'install kexec-tools' },
  ],
};

void t.test('a report is one line a check, with remedies', async (t) => {
  t.equal(
    formatDoctor(REPORT, { color: false }),
    [
      'ok    QEMU         7.2.22',
      'warn  accelerator  tcg; use a better host',
      'fail  kexec        not found; install kexec-tools',
      '',
      'crashpath cannot run here until the failures are fixed.',
      '',
    ].join('\n'),
  );
});

void t.test('colour is only colour', async (t) => {
  const colored = formatDoctor(REPORT, { color: true });
  t.match(colored, '\u001b[31mfail\u001b[39m  kexec');
  t.equal(stripAnsi(colored), formatDoctor(REPORT, { color: false }));
});

void t.test('the worst status counts', async (t) => {
  t.equal(worstStatus(REPORT.checks), 'fail');
  t.equal(worstStatus(REPORT.checks.slice(0, 2)), 'warn');
  t.equal(worstStatus(REPORT.checks.slice(0, 1)), 'ok');
  t.equal(worstStatus([]), 'ok');
});
