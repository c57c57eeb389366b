/** A lab's process on this host: found again, not mistaken for another, ended with all that it started. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import t from 'tap';
import { eventually } from '../testing/processes.js';
import {
  endLab,
  labPaths,
  type LabState,
  makeLabDirectory,
  rememberLab,
  runningLab,
  startTicksOf,
} from './lab-directory.js';

void t.test('a lab is found by its process, and ended with its group', async (t) => {
  const cacheDir = t.testdir();
  const paths = labPaths(cacheDir, 'intel');
  await makeLabDirectory(cacheDir, paths);
  t.equal((await stat(paths.dir)).mode & 0o777, 0o700);
  t.equal(await runningLab(paths), undefined, 'none was started');
  // A leader that ignores SIGTERM, and a child of it.
  const child = spawn('sh', ['-c', 'trap "" TERM; sleep 1000 & echo $!; wait; sleep 1000'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const inner = Number(String(await once(child.stdout, 'data')));
  const pid = child.pid ?? 0;
  const startTicks = (await startTicksOf(pid)) ?? '';
  const state: LabState = {
    ...{ format: 1, pid, startTicks, startedAtMs: 1, port: 52_222, vendor: 'intel', qemu: '1:7.2' },
  };
  await rememberLab(paths, { ...state, startTicks: '1' });
  t.equal(await runningLab(paths), undefined, 'another process has its id');
  await rememberLab(paths, state);
  t.strictSame(await runningLab(paths), state);
  await endLab(paths, state);
  t.equal(await startTicksOf(pid), undefined);
  t.ok(await eventually(async () => ((await startTicksOf(inner)) === undefined ? true : undefined), 5_000));
  t.equal(await runningLab(paths), undefined);
  await endLab(paths, state);
});
