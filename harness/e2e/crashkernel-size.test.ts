import { join } from 'node:path';
import t from 'tap';
import { crashpath, KERNELS } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';

t.test('the smallest crash kernel is between a size that fails and one that captures', async (t) => {
  const out = ['--out', join(await scratch(t), 'runs')];
  const ended = await crashpath([
    ...['crashkernel-size', '-k', KERNELS.six1, '--vmcore', 'nonce', '--json', ...out],
    ...['--least', '32', '--most', '192', '--step', '80', '--captures', '1'],
  ]);
  t.equal(ended.exitCode, 0, ended.stderr);
  t.match(JSON.parse(ended.stdout), {
    end: 'found',
    smallestMiB: 160,
    belowMiB: 80,
    recommendedMiB: 208,
    sizes: [
      { mib: 80, captured: 0, failed: { length: 2 } },
      { mib: 160, captured: 1, failed: [], undecided: [] },
    ],
  });
});
