import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { crashpath, KERNELS, resultsOf } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { runMade, runScenario } from '../testing/guests/run-scenario.js';
import { qemusUnder } from '../testing/processes.js';

t.test('a stock kernel: captured with proof, and the two negative controls', async (t) => {
  const out = await scratch(t);
  const ended = await crashpath([
    ...['run', 'sysrq-task', 'no-crash-kernel', 'no-trigger'],
    ...['--kernel', KERNELS.six1, '--out', out, '--json'],
  ]);
  t.equal(ended.exitCode, 0, ended.stderr);
  const results = resultsOf(ended.stdout);
  t.strictSame(
    results.map(({ scenario, verdict, outcome }) => [scenario, verdict, outcome]),
    [
      ['sysrq-task', 'captured', 'expected'],
      ['no-crash-kernel', 'no-crash-kernel', 'expected'],
      ['no-trigger', 'no-panic', 'expected'],
    ],
  );
  const [captured] = results;
  const vmcore = captured?.evidence.find(({ what }) => what === 'vmcore');
  t.match(
    vmcore?.excerpt,
    /nodename=cp-[0-9a-f]{32} prstatus=2 vmcoreinfo=yes/,
    'the nonce came out of the vmcore',
  );
  t.equal(captured?.quality, 'clean');
  t.equal(captured?.lastPhase, 'vmcore-verified');
  t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
  for (const { directory, verdict } of results) {
    t.equal((await stat(directory)).mode & 0o777, 0o700, 'run directories are private');
    const again = await crashpath(['classify', directory, '--json']);
    t.equal(again.exitCode, 0, again.stderr);
    t.equal(again.stderr, '', 'the stored verdict is the same');
    t.equal(resultsOf(again.stdout)[0]?.verdict, verdict);
    const shown = await crashpath(['show', directory]);
    t.match(shown.stdout, verdict);
  }
  t.ok((await stat(join(captured?.directory ?? '', '../report.html'))).size > 1000, 'there is a report');
});

t.test('two first kernels of different series', async (t) => {
  const choices = { kernel: KERNELS.six12, words: ['--cpus', '1'] };
  const { result, exitCode, stderr } = await runScenario(t, 'sysrq-task', choices);
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', quality: 'clean' });
});

t.test('first and capture kernel may differ', async (t) => {
  const choices = { words: ['--capture-kernel', KERNELS.six12] };
  const { result, exitCode, stderr } = await runScenario(t, 'sysrq-task', choices);
  t.equal(exitCode, 0, stderr);
  t.equal(result.verdict, 'captured');
  t.not(result.kernel, result.captureKernel);
});

t.test(
  'modules of a stock kernel come from its package and are loaded before anything is proved',
  async (t) => {
    // One vCPU: two may meet QEMU's fault with code that is patched (docs/verdicts.md, emulator-stale-code).
    const { result, exitCode, stderr } = await runMade(
      t,
      [
        'guest: { modules: [e1000] }',
        'crashKernel: absent',
        'prove: [{ read: { path: /sys/module/e1000/initstate, equals: live } }]',
        'trigger: { kind: sysrq, key: c }',
        'expect: { verdict: no-crash-kernel }',
      ],
      { kernel: KERNELS.six12, words: ['--cpus', '1'] },
    );
    t.equal(exitCode, 0, stderr);
    t.match(result, { verdict: 'no-crash-kernel', outcome: 'expected' });
  },
);
