import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cacheDirectory } from '../cli/directories.js';
import { resolveKernel } from '../kernel/index.js';
import { ENTRY_CODE, patchEntry } from '../testing/builders/broken-kernels.js';
import { crashpath, KERNELS } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { runScenario } from '../testing/guests/run-scenario.js';

t.test('a hang of two kernels is reproduced from its bundle, in an empty cache', async (t) => {
  const directory = await scratch(t);
  const kernel = await resolveKernel(KERNELS.six1, { cacheDir: cacheDirectory() });
  const broken = join(directory, 'bzImage-spin');
  await patchEntry(kernel.bzImage, broken, ENTRY_CODE.spin);
  const { result } = await runScenario(t, 'sysrq-task', { words: ['--capture-kernel', broken] });
  t.match(result, { verdict: 'capture-hang', detail: 'spin' });
  const bundle = join(directory, 'hang.tar.zst');
  const packed = await crashpath(['bundle', result.directory, '-o', bundle]);
  t.equal(packed.exitCode, 0, packed.stderr);

  const cache = join(directory, 'cache');
  const elsewhere = { CRASHPATH_CACHE: cache, CRASHPATH_DEBIAN_MIRROR: 'http://127.0.0.1:9/none' };
  const words = ['repro', bundle, '--tries', '2', '--out', join(directory, 'runs'), '--json'];
  const ended = await crashpath(words, { environment: elsewhere });
  t.equal(ended.exitCode, 0, ended.stderr);
  t.match(JSON.parse(ended.stdout), {
    reproduced: true,
    tries: 1,
    wanted: { verdict: 'capture-hang', detail: 'spin', place: [{ kernel: String }, { kernel: String }] },
    differences: [],
    runs: [{ verdict: 'capture-hang', captureKernelSha256: result.captureKernelSha256 }],
  });
  const [id, ...others] = await readdir(join(cache, 'bundles'));
  t.strictSame(others, []);
  const stored = join(cache, 'bundles', id ?? '', 'run');
  t.equal((await crashpath(['show', stored])).exitCode, 0, 'the run of the bundle can be looked at');
});
