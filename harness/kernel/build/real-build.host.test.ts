/**
 * Builds real kernels from Debian's sources: 140 MB of download, 2 GB of disk and many minutes. Only with
 * CRASHPATH_TEST_BUILD=1.
 */
import { join } from 'node:path';
import t from 'tap';
import { configOf } from '../config.js';
import { missingForCrash } from '../config.js';
import { listKernels, resolveKernel } from '../resolve.js';

const BUILD_MS = 60 * 60_000;
const VARIANT_MS = 5 * 60_000;

if (process.env['CRASHPATH_TEST_BUILD'] === '1') {
  t.setTimeout(BUILD_MS + 3 * VARIANT_MS);
  void t.test('stock and its variants build from linux-source-6.1', async (t) => {
    const options = { cacheDir: join(t.testdir(), 'cache') };
    const stock = await resolveKernel('build:6.1/stock', options);
    t.match(stock.release, /^6\.1\.\d+-cp-stock$/);
    t.strictSame(missingForCrash((await configOf(stock)) ?? new Map()), []);
    for (const name of ['no-zap', 'zickus']) {
      const startedMs = Date.now();
      const variant = await resolveKernel(name, options);
      t.equal(variant.release, stock.release.replace('stock', name));
      t.ok(Date.now() - startedMs < VARIANT_MS, 'from the seed, not from nothing');
      t.not(variant.sha256, stock.sha256);
    }
    for (const { spec, sha256 } of await listKernels(options)) {
      t.match(spec, /^build:6\.1\./);
      t.equal((await resolveKernel(spec, { ...options, offline: true })).sha256, sha256);
    }
  });
} else {
  t.plan(0, 'set CRASHPATH_TEST_BUILD=1 to build real kernels');
}
