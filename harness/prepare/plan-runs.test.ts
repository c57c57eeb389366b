import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PACKAGE_ROOT } from '../cli/context.js';
import { madeHost } from '../testing/builders/command-host.js';
import { planRuns, planTrials } from './plan-runs.js';
import { trialsOf } from './trials.js';

t.setTimeout(600_000);

/** A host, and everything that planning on it takes: no command line, no environment. */
async function madeOptions(t: Test) {
  const { cache, kernel, qemu } = await madeHost(t);
  const progress: string[] = [];
  const options = {
    packageRoot: PACKAGE_ROOT,
    cacheDir: cache,
    qemuBinary: qemu,
    campaign: 'nightly',
    onProgress: (line: string) => progress.push(line),
  };
  return { kernel, options, progress };
}

t.test('names become plans, without a command line', async (t) => {
  const { kernel, options, progress } = await madeOptions(t);
  const plans = await planRuns(
    { scenario: ['sysrq-task', 'no-trigger'], kernel: [kernel], repeat: 2, accel: 'tcg' },
    options,
  );
  t.match(
    plans.map(({ runId, trial, campaign }) => ({ runId, trial, campaign })),
    [
      { runId: '001-sysrq-task-6.1.0-1-amd64', trial: 1, campaign: 'nightly' },
      { runId: '002-sysrq-task-6.1.0-1-amd64', trial: 2 },
      { runId: '003-no-trigger-6.1.0-1-amd64', trial: 1 },
      { runId: '004-no-trigger-6.1.0-1-amd64', trial: 2 },
    ],
  );
  t.equal(new Set(plans.map(({ nonce }) => nonce)).size, plans.length, 'each run has a nonce of its own');
  for (const plan of plans) {
    t.equal(plan.qemu.binary, options.qemuBinary);
    t.match(plan.qemu.args.join(' '), join(options.cacheDir, 'images'), 'the image is in the cache');
  }
  t.ok(progress.includes('accelerator: tcg. TCG was asked for.'));
});

t.test(
  '--vmcore is refused without a crash kernel, unless it is for the rows of a campaign file',
  async (t) => {
    const { kernel, options } = await madeOptions(t);
    const choices = { accel: 'tcg', vmcore: 'nonce' } as const;
    const trials = await trialsOf({ scenario: ['no-crash-kernel'], kernel: [kernel] }, options);
    await t.rejects(planTrials(trials, choices, options), {
      message: /--vmcore "nonce": no-crash-kernel loads/,
    });
    const ofFile = trials.map((one) => ({
      ...one,
      cell: { ...one.cell, cell: { kernel: 'built', expect: one.cell.scenario.expect } },
    }));
    t.match(await planTrials(ofFile, choices, options), [{ runId: '001-no-crash-kernel-built' }]);
  },
);

const canOpenKvm = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
  () => true,
  () => false,
);

t.test(
  "a slow host's deadlines count for the proof of KVM as well",
  { skip: canOpenKvm ? false : 'no /dev/kvm to be proved' },
  async (t) => {
    const { kernel, options, progress } = await madeOptions(t);
    await planRuns({ scenario: ['sysrq-task'], kernel: [kernel], accel: 'auto', timeoutScale: 2 }, options);
    t.ok(progress.includes('proving KVM, which takes up to 26 s'), progress.join('; '));
  },
);

t.test('a trial is planned on each machine; a machine that no kernel fits is a mistake', async (t) => {
  const { kernel, options } = await madeOptions(t);
  const trials = await trialsOf({ scenario: ['sysrq-task'], kernel: [kernel] }, options);
  const plans = await planTrials(trials, { machineProfile: ['pc', 'q35'], accel: 'tcg' }, options);
  t.match(
    plans.map(({ runId, machine }) => ({ runId, machine })),
    [
      { runId: '001-sysrq-task-6.1.0-1-amd64-pc', machine: { type: 'pc', name: 'pc' } },
      { runId: '002-sysrq-task-6.1.0-1-amd64-q35', machine: { type: 'q35', name: 'q35' } },
    ],
  );
  const small = planTrials(trials, { machineProfile: ['pc', 'pentium-class'], accel: 'tcg' }, options);
  await t.rejects(small, { kind: 'usage', message: /on machine "pentium-class": .*32-bit kernels only/ });
});
