/** One run under KVM: in the emulated host, whatever this machine's /dev/kvm is worth. docs/kvm-lab.md. */
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { PACKAGE_ROOT } from '../../cli/context.js';
import { cacheDirectory } from '../../cli/directories.js';
import { labName, labPaths } from '../../lab/lab-directory.js';
import { crashpath, KERNELS, resultsOf } from '../../testing/crashpath-command.js';
import { scratch } from '../../testing/files.js';

/** Longest life of a command of the lab; `up` gives up by itself before. */
const LIFETIME_MS = 900_000;

async function lab(...words: readonly string[]) {
  return execa(join(PACKAGE_ROOT, 'scripts/kvm-lab'), words, {
    reject: false,
    stdin: 'ignore',
    timeout: LIFETIME_MS,
  });
}

t.test('a panic under KVM, on a host that is proved to have it', async (t) => {
  // A lab that runs already is in use, and left running.
  if ((await lab('status')).exitCode !== 0) t.teardown(() => lab('down'));
  const up = await lab('up', '--minutes', '14');
  if (!t.equal(up.exitCode, 0, up.stderr)) return;
  const words = ['run', 'no-crash-kernel', '-k', KERNELS.six1, '--accel', 'kvm', '--timeout-scale', '12'];
  const where = ['--host', labName('intel'), '--out', await scratch(t)];
  const environment = { CRASHPATH_SSH_CONFIG: labPaths(cacheDirectory(), 'intel').sshConfig };
  const { exitCode, stdout, stderr } = await crashpath([...words, ...where, '--json'], { environment });
  t.equal(exitCode, 0, stderr);
  t.match(resultsOf(stdout), [
    { verdict: 'no-crash-kernel', accel: 'kvm', accelUnproved: undefined, host: labName('intel') },
  ]);
});
