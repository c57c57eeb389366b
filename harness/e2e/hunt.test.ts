import { join } from 'node:path';
import t from 'tap';
import { crashpath, KERNELS } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { qemusUnder } from '../testing/processes.js';

t.test('a hunt leaves the guest up that it found, and no other', async (t) => {
  const directory = await scratch(t);
  const out = ['--out', join(directory, 'runs')];
  // A verdict that this kernel has each time; no guest of a run that fails is one.
  const ended = await crashpath([
    ...['hunt', 'sysrq-task', '-k', KERNELS.six1, '--vmcore', 'nonce', '--find', 'captured', '--json'],
    ...[...out, '--name', 'h', '--trials', '2', '--jobs', '1', '--keep-failed', '16'],
  ]);
  t.equal(ended.exitCode, 1, ended.stderr);
  const hunt: unknown = JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? '');
  t.match(hunt, { kind: 'hunt', found: 1, trials: 1, left: 0 });
  t.equal((await qemusUnder(directory)).length, 1, 'it is up');
  const run = /"run":\{"runId":"([^"]+)"/.exec(ended.stdout)?.[1] ?? '';
  const attached = await crashpath(['attach', run, ...out]);
  t.match(attached.stdout, /gdb/);
  t.equal((await crashpath(['attach', run, ...out, '--end'])).exitCode, 0);
  t.strictSame(await qemusUnder(directory), []);
});
