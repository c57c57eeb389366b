/** A crashpath that is killed leaves nothing on the host that runs its guest. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { KERNELS, start } from '../../testing/crashpath-command.js';
import { scratch } from '../../testing/files.js';
import { eventually, qemusUnder } from '../../testing/processes.js';
import { startSshServer } from '../../testing/ssh-server.js';

/** How often crashpath is killed at a random moment; `npm run bench:host-kills` takes 50. */
const KILLS = Number(process.env['CRASHPATH_TEST_HOST_KILLS'] ?? '3');
/** From QEMU's start: the boot, the crash, the capture kernel, the end. */
const CYCLE_MS = 14_000;
const GONE_MS = 10_000;

t.test(`SIGKILL of crashpath at ${KILLS} random moments`, async (t) => {
  const { home, clientConfig } = await startSshServer(t);
  const runs = join(home, '.cache/crashpath/runs');
  const out = await scratch(t);
  const left = async () => [
    ...(await qemusUnder(runs)).map(String),
    ...(await readdir(runs).catch(() => [])),
  ];
  for (let kill = 1; kill <= KILLS; kill++) {
    const atMs = Math.round(Math.random() * CYCLE_MS);
    const running = start(['run', 'sysrq-task', '-k', KERNELS.six1, '--out', out, '--host', 'box'], {
      environment: { CRASHPATH_SSH_CONFIG: clientConfig },
    });
    const isThere = async () => ((await left()).length > 0 ? true : undefined);
    t.ok(await eventually(isThere, 180_000), 'it has begun there');
    await new Promise((resolve) => setTimeout(resolve, atMs));
    running.kill('SIGKILL');
    await running;
    const beganMs = performance.now();
    const gone = await eventually(async () => ((await left()).length === 0 ? true : undefined), GONE_MS);
    const tookMs = Math.round(performance.now() - beganMs);
    t.ok(gone, `kill ${kill} at ${atMs} ms: nothing is left after ${tookMs} ms: ${(await left()).join(' ')}`);
  }
});
