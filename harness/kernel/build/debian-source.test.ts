/** Debian's sources, as an earlier build left them in the cache: no network, no apt. */
import { join } from 'node:path';
import t from 'tap';
import { listKernels, resolveKernel } from '../resolve.js';
import { debianSource } from './debian-source.js';
import { writeMadeSource, writeMadeTools } from '../../testing/builders/kernel-source.js';
import { writeTree } from '../../testing/files.js';

const base = t.testdir({});
const hostPath = process.env['PATH'] ?? '';
const tools = await writeMadeTools(join(base, 'bin'));
process.env['PATH'] = `${tools}:${hostPath}`;
t.teardown(() => {
  process.env['PATH'] = hostPath;
});

/** A cache with unpacked source packages of these versions. */
async function cacheWith(dir: string, versions: readonly string[]): Promise<string> {
  for (const [at, packageVersion] of versions.entries()) {
    const name = `linux-source-${/^\d+\.\d+/.exec(packageVersion)?.[0]}`;
    const place = join(dir, 'sources', `${name}_${packageVersion}`);
    await writeMadeSource(join(place, 'src'));
    const sha256 = `${at}`.repeat(64);
    await writeTree(place, {
      'source.json': JSON.stringify({ format: 1, package: name, packageVersion, sha256 }),
    });
  }
  return dir;
}

void t.test('offline the newest source of the series is taken, or exactly the named one', async (t) => {
  const cacheDir = await cacheWith(join(t.testdir({}), 'cache'), ['6.1.9-1', '6.1.10-2', '6.12.3-1']);
  const options = { cacheDir, offline: true };
  t.match(await debianSource({ version: '6.1' }, options), {
    package: 'linux-source-6.1',
    packageVersion: '6.1.10-2',
    sha256: '1'.repeat(64),
  });
  t.match(await debianSource({ version: '6.1.9-1' }, options), { packageVersion: '6.1.9-1' });
  t.match(await debianSource({ version: '6.1.9-1' }, { cacheDir }), { packageVersion: '6.1.9-1' });
  t.match(await debianSource({ version: '6.1.10' }, options), { packageVersion: '6.1.10-2' });
  await t.rejects(debianSource({ version: '6.1.1' }, options), { message: /never fetched/ });
  t.match(await debianSource({ version: '6.12' }, options), { packageVersion: '6.12.3-1' });
  await t.rejects(debianSource({ version: '6.1.8-1' }, options), {
    kind: 'usage',
    message: /"linux-source-6\.1" offline: it was never fetched/,
  });
});

void t.test('a variant by its bare name is built, listed, and found again without a compiler', async (t) => {
  const cacheDir = await cacheWith(join(t.testdir({}), 'cache'), ['6.1.7-1']);
  const options = { cacheDir, offline: true };
  const built = await resolveKernel('no-zap', options);
  t.match(built, { spec: 'no-zap', release: '6.1.7-cp-no-zap' });
  t.match(await resolveKernel('build:6.1/no-zap', options), { bzImage: built.bzImage });
  const listed = await listKernels(options);
  t.strictSame(listed.map(({ spec }) => spec).sort(), ['build:6.1.7-1/no-zap', 'build:6.1.7-1/stock']);
  for (const { spec, sha256 } of listed) t.match(await resolveKernel(spec, options), { sha256 }, spec);
  process.env['PATH'] = join(base, 'empty');
  t.teardown(() => {
    process.env['PATH'] = `${tools}:${hostPath}`;
  });
  t.match(await resolveKernel('build:6.1/no-zap', options), { bzImage: built.bzImage });
  await t.rejects(resolveKernel('zickus', options), { kind: 'usage', message: /run: apt-get install gcc / });
});
