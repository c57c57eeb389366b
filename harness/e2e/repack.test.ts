/** Kernels whose payload was repacked, in real guests. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { sha256OfFile } from '../cache/sha256.js';
import { readPlan } from '../store/run-directory.js';
import { crashpath, KERNELS } from '../testing/crashpath-command.js';
import { judgedAgain, runScenario } from '../testing/guests/run-scenario.js';

t.test('both kernels are repacked, and the guest crashes and captures as before', async (t) => {
  const run = await runScenario(t, 'sysrq-task', { words: ['--repack', 'both', '--vmcore', 'nonce'] });
  const { result, exitCode, stderr } = run;
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', quality: 'clean', repacked: 'both' });
  t.strictSame(await judgedAgain(run), result);

  const { kernel, captureKernel, repacked, qemu } = await readPlan(result.directory);
  const first = repacked?.first;
  t.equal(kernel.sha256, captureKernel.sha256);
  t.strictSame(first, repacked?.capture);
  t.equal(qemu.args[qemu.args.indexOf('-kernel') + 1], first?.bzImage);
  t.equal(await sha256OfFile(first?.bzImage ?? ''), first?.sha256);
  t.not(first?.sha256, kernel.sha256);
  const console = await readFile(join(result.directory, 'console.bin'), 'latin1');
  t.equal(console.match(/Linux version /g)?.length, 2, 'both kernels started');
  const shown = await crashpath(['show', result.directory]);
  t.match(shown.stdout, /^repacked +the first kernel \(.*vmlinux [0-9a-f]{12}\); the capture kernel/m);
});

t.test('a scenario about the crash image runs on the kernels as they are', async (t) => {
  const words = ['--repack', 'both', '--dry-run'];
  const { exitCode, stdout, stderr } = await crashpath([
    ...['run', 'corrupt-crash-image', '-k', KERNELS.six1],
    ...words,
  ]);
  t.equal(exitCode, 0, stderr);
  t.match(stderr, /corrupt-crash-image: kernels are not repacked, because it is about how they start/);
  t.notMatch(stdout, /repacked\//);
});

t.test('refused: a capture kernel that nothing loads', async (t) => {
  const ended = await crashpath(['run', 'no-crash-kernel', '-k', KERNELS.six1, '--repack', 'capture']);
  t.equal(ended.exitCode, 64);
  t.match(ended.stderr, /cannot use --repack "capture": no-crash-kernel loads no crash kernel; leave it out/);
});
