import { join } from 'node:path';
import t, { type Test } from 'tap';
import { cacheDirectory } from '../cli/directories.js';
import { resolveKernel } from '../kernel/index.js';
import type { RunResult } from '../model/result.js';
import { ENTRY_CODE, patchEntry } from '../testing/builders/broken-kernels.js';
import { KERNELS } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import {
  evidenceOf,
  judgedAgain,
  type RealRun,
  runMade,
  runScenario,
} from '../testing/guests/run-scenario.js';

/** A run that options of the command line make fail. */
async function goneWrong(t: Test, words: readonly string[]): Promise<RealRun> {
  const run = await runScenario(t, 'sysrq-task', { words });
  t.strictSame(await judgedAgain(run), run.result, 'classify gives the stored verdict');
  return run;
}

function summary({ verdict, detail, outcome }: RunResult) {
  return { verdict, detail, outcome };
}

t.test('a capture kernel without a root file system panics', async (t) => {
  const { exitCode, result } = await goneWrong(t, [
    ...['--capture-append', 'rdinit=/nonexistent root=/dev/none'],
  ]);
  t.strictSame(summary(result), {
    verdict: 'capture-panic',
    detail: 'no-init',
    outcome: 'unexpected',
  });
  t.equal(exitCode, 1);
});

t.test('a triple fault before the capture banner', async (t) => {
  const directory = await scratch(t);
  const kernel = await resolveKernel(KERNELS.six1, { cacheDir: cacheDirectory() });
  const broken = join(directory, 'bzImage-ud2');
  await patchEntry(kernel.bzImage, broken, ENTRY_CODE.tripleFault);
  const { exitCode, result } = await goneWrong(t, ['--capture-kernel', broken]);
  t.strictSame(summary(result), {
    verdict: 'capture-reset',
    detail: 'reset-before-banner',
    outcome: 'unexpected',
  });
  t.equal(exitCode, 1);
});

t.test('a capture kernel that never prints and never moves', async (t) => {
  const directory = await scratch(t);
  const kernel = await resolveKernel(KERNELS.six1, { cacheDir: cacheDirectory() });
  const broken = join(directory, 'bzImage-spin');
  await patchEntry(kernel.bzImage, broken, ENTRY_CODE.spin);
  const { exitCode, result } = await goneWrong(t, ['--capture-kernel', broken]);
  t.strictSame(summary(result), { verdict: 'capture-hang', detail: 'spin', outcome: 'unexpected' });
  t.ok(evidenceOf(result, 'autopsy').length > 0, 'and says what the machine shows');
  t.equal(exitCode, 1);
});

t.test('a silent capture kernel that boots is a capture', async (t) => {
  const { exitCode, result } = await goneWrong(t, ['--capture-append', 'console=ttyS3 quiet']);
  t.strictSame(summary(result), { verdict: 'captured', detail: 'nonce-verified', outcome: 'expected' });
  t.equal(exitCode, 0);
});

t.test('a first kernel in a panic loop', async (t) => {
  const { exitCode, result } = await goneWrong(t, [
    '--append',
    'rdinit=/nonexistent root=/dev/none panic=-1',
  ]);
  t.strictSame(summary(result), {
    verdict: 'boot-failed',
    detail: 'panic-during-boot',
    outcome: 'unexpected',
  });
  t.equal(exitCode, 1);
});

t.test('a reservation that does not fit is void, with the remedy', async (t) => {
  const { exitCode, result } = await goneWrong(t, ['--crashkernel', '4G']);
  t.strictSame(summary(result), {
    verdict: 'void',
    detail: 'crashkernel-not-reserved',
    outcome: 'inconclusive',
  });
  t.equal(exitCode, 2);
});

t.test('a state that is not proved is void', async (t) => {
  const run = await runMade(t, [
    // A panic timeout that was never set.
    'prove: [{ read: { path: /proc/sys/kernel/panic, equals: "77" } }]',
    'trigger: { kind: sysrq, key: c }',
    'expect: { verdict: captured }',
  ]);
  t.match(run.result, { verdict: 'void', detail: 'state-not-proved' });
  t.equal(run.exitCode, 2);
  t.strictSame(await judgedAgain(run), run.result, 'classify gives the stored verdict');
});
