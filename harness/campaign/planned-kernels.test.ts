import { renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { sha256Of } from '../cache/sha256.js';
import { madePlan } from '../testing/builders/runs.js';
import { KernelChanged, plannedKernels } from './planned-kernels.js';
import { runCampaign } from './run-campaign.js';

const BYTES = 'a kernel';

function planOn(path: string) {
  const plan = madePlan();
  return { ...plan, kernel: { ...plan.kernel, bzImage: path, sha256: sha256Of(BYTES) } };
}

void t.test('the file of the first kernel must be the one that was planned', async (t) => {
  const path = join(t.testdir({}), 'bzImage');
  const plan = planOn(path);
  const requirePlanned = plannedKernels();
  await requirePlanned(plan);
  t.pass('a missing file is left to the machine');
  writeFileSync(path, BYTES);
  await requirePlanned(plan);
  utimesSync(path, 1, 1);
  await requirePlanned(plan);
  t.pass('another time of the same bytes is the same kernel');

  writeFileSync(path, 'A kernel');
  const message = new RegExp(`^cannot begin a run on kernel "${plan.kernel.spec}": .* is another file`);
  await t.rejects(requirePlanned(plan), { name: 'KernelChanged', kind: 'harness', message });
  await t.rejects(requirePlanned(plan), KernelChanged, 'also when asked again');

  const other = `${path}.new`;
  writeFileSync(other, BYTES);
  renameSync(other, path);
  await requirePlanned(plan);
  t.pass('that kernel was put back');
});

void t.test('a repacked kernel is the file that is started', async (t) => {
  const directory = t.testdir({ kernel: 'rebuilt', repacked: BYTES });
  const plan = planOn(join(directory, 'kernel'));
  const first = {
    ...{ bzImage: join(directory, 'repacked'), sha256: sha256Of(BYTES), bytes: BYTES.length },
    ...{ compression: 'xz' as const, vmlinuxSha256: '' },
  };
  await plannedKernels()({ ...plan, repacked: { first } });
  await t.rejects(plannedKernels()({ ...plan, repacked: { capture: first } }), KernelChanged);
});

void t.test('a kernel that is rebuilt during a campaign ends it before the next run', async (t) => {
  const path = join(t.testdir({ campaign: {}, bzImage: BYTES }), 'bzImage');
  const plans = [1, 2, 3].map((number) => ({ ...planOn(path), runId: `run-${number}` }));
  const ended: string[] = [];
  const running = runCampaign(join(t.testdirName, 'campaign'), plans, {
    jobs: 1,
    cacheDir: undefined,
    open: async (_plan, { log }) => {
      log.fact({ fact: 'harness-fault', message: 'made' });
      throw new Error('made');
    },
    onResult: ({ runId }) => {
      ended.push(runId);
      if (runId === 'run-2') writeFileSync(path, 'of another commit');
    },
  });
  await t.rejects(running, KernelChanged);
  t.strictSame(ended, ['run-1', 'run-2']);
});
