import { chmod, mkdir, readdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { configOf } from './config.js';
import { MADE_CONFIG, makeBzImage, makeDeb, makeModule } from '../testing/builders/kernels.js';
import { modulesFor } from './modules.js';
import { listKernels, removeKernel, resolveKernel } from './resolve.js';
import { writeTree } from '../testing/files.js';

const RELEASE = '6.1.0-1-amd64';

void t.test('a bzImage is used where it lies, with the config next to it', async (t) => {
  const dir = t.testdir();
  await writeTree(dir, {
    'a/bzImage': makeBzImage(),
    'b/vmlinuz': makeBzImage(),
    [`b/config-${RELEASE}`]: MADE_CONFIG,
    'linux/arch/x86/boot/bzImage': makeBzImage(),
    'linux/.config': MADE_CONFIG,
    [`root/boot/vmlinuz-${RELEASE}`]: makeBzImage(),
    [`root/lib/modules/${RELEASE}/kernel/a.ko`]: makeModule([]),
  });
  const options = { cacheDir: join(dir, 'cache') };
  const bare = await resolveKernel(join(dir, 'a/bzImage'), options);
  t.match(bare, {
    release: RELEASE,
    label: RELEASE,
    bzImage: join(dir, 'a/bzImage'),
    sha256: /^[0-9a-f]{64}$/,
  });
  t.equal(bare.modulesDir, undefined);
  t.equal(await configOf(bare), undefined);
  const withConfig = await resolveKernel(join(dir, 'b/vmlinuz'), options);
  t.equal((await configOf(withConfig))?.get('CONFIG_CRASH_DUMP'), 'y');
  const built = await resolveKernel(join(dir, 'linux'), options);
  t.equal(built.config, join(dir, 'linux/.config'));
  for (const path of ['root', 'root/boot', `root/boot/vmlinuz-${RELEASE}`]) {
    const kernel = await resolveKernel(join(dir, path), options);
    t.equal(kernel.modulesDir, join(dir, 'root/lib/modules', RELEASE), path);
  }
  t.notOk((await readdir(dir)).includes('cache'), 'nothing is copied');
});

void t.test('paths that are no kernel are refused with a remedy', async (t) => {
  const dir = t.testdir({ empty: '', none: {}, elf: '\x7fELF', two: {}, unnamed: '' });
  await writeTree(dir, {
    'two/vmlinuz-6.1': makeBzImage({ release: '6.1' }),
    'two/vmlinuz-6.2': makeBzImage({ release: '6.2' }),
    unnamed: makeBzImage({ release: '' }),
  });
  await symlink('loop', join(dir, 'loop'));
  const cases: [string, RegExp][] = [
    ['empty', /an empty file/],
    ['none', /no vmlinuz-\*/],
    ['elf', /ELF/],
    ['two', /holds vmlinuz-6\.1, vmlinuz-6\.2; give/],
    ['unnamed', /names no kernel release/],
    ['absent', /no such file/],
    ['elf/x', /not a directory/],
    ['loop', /symbolic links/],
  ];
  for (const [name, why] of cases) {
    const spec = join(dir, name);
    await t.rejects(resolveKernel(spec, { cacheDir: join(dir, 'c') }), { kind: 'usage', message: why }, name);
  }
  await t.rejects(resolveKernel('/dev/null', { cacheDir: join(dir, 'c') }), {
    message: /neither a file nor/,
  });
});

void t.test('a kernel says its word width', async (t) => {
  const dir = t.testdir();
  await writeTree(dir, { narrow: makeBzImage({ bits: 32 }), wide: makeBzImage() });
  t.match(await resolveKernel(join(dir, 'narrow'), { cacheDir: join(dir, 'c') }), { bits: 32 });
  t.match(await resolveKernel(join(dir, 'wide'), { cacheDir: join(dir, 'c') }), { bits: 64 });
});

void t.test('links to the one kernel of a directory do not make it two', async (t) => {
  const dir = t.testdir();
  await writeTree(dir, { 'vmlinuz-6.1': makeBzImage({ release: '6.1' }) });
  await symlink('vmlinuz-6.1', join(dir, 'vmlinuz-current'));
  t.match(await resolveKernel(dir, { cacheDir: join(dir, 'c') }), { release: '6.1' });
});

void t.test('a package is unpacked once, and only what is needed', async (t) => {
  const dir = t.testdir();
  const cacheDir = join(dir, 'cache');
  const deb = await makeDeb(dir, { name: `linux-image-${RELEASE}`, version: '6.1.1-1' });
  const lines: string[] = [];
  const options = { cacheDir, onProgress: (line: string) => lines.push(line) };
  const kernel = await resolveKernel(deb, options);
  t.match(kernel, { spec: deb, release: RELEASE });
  t.strictSame(await modulesFor(kernel, ['one']), [{ name: 'one', bytes: makeModule([]) }]);
  t.equal((await configOf(kernel))?.get('CONFIG_KEXEC'), 'y');
  t.strictSame(await resolveKernel(deb, options), kernel);
  t.equal(lines.length, 1, 'the second time it is there');
  const [entry = ''] = await readdir(join(cacheDir, 'kernels'));
  t.strictSame((await readdir(join(cacheDir, 'kernels', entry))).sort(), ['boot', 'kernel.json', 'lib']);
  t.strictSame(await readdir(join(cacheDir, 'tmp')), []);

  await t.test('a damaged image is replaced', async (t) => {
    await truncate(kernel.bzImage, 100);
    t.strictSame(await listKernels({ cacheDir }), []);
    t.strictSame(await resolveKernel(deb, options), kernel);
    t.equal(lines.length, 2);
  });

  await t.test('listed kernels resolve by their spec, and can be removed', async (t) => {
    const [listed] = await listKernels({ cacheDir });
    t.match(listed, { release: RELEASE, sha256: kernel.sha256 });
    t.match(await resolveKernel(listed?.spec ?? '', { cacheDir, offline: true }), {
      sha256: kernel.sha256,
      modulesDir: kernel.modulesDir,
      config: kernel.config,
    });
    await t.rejects(removeKernel('6.1.0-2-amd64', { cacheDir }), {
      kind: 'usage',
      message: /nearest: 6\.1\.0-1/,
    });
    await t.rejects(removeKernel(kernel.sha256.slice(0, 7), { cacheDir }), {
      message: /is not in the cache/,
    });
    t.match(await removeKernel(kernel.sha256.slice(0, 8), { cacheDir }), { release: RELEASE });
    t.strictSame(await readdir(join(cacheDir, 'kernels')), []);
    t.strictSame(await readdir(join(cacheDir, 'tmp')), []);
  });
});

void t.test('two packages of one release are kept apart', async (t) => {
  const dir = t.testdir();
  const options = { cacheDir: join(dir, 'cache') };
  for (const version of ['1', '2']) {
    await resolveKernel(await makeDeb(dir, { name: `linux-image-${RELEASE}`, version }), options);
  }
  t.equal((await listKernels(options)).length, 2);
  await t.rejects(removeKernel(RELEASE, options), {
    kind: 'usage',
    message: /2 packages have it; give one of/,
  });
});

void t.test('several at once do not disturb each other', async (t) => {
  const dir = t.testdir();
  const deb = await makeDeb(dir, { name: `linux-image-${RELEASE}`, version: '1' });
  const options = { cacheDir: join(dir, 'cache') };
  const kernels = await Promise.all([1, 2, 3, 4].map(() => resolveKernel(deb, options)));
  t.equal(new Set(kernels.map(({ bzImage }) => bzImage)).size, 1);
  t.equal((await listKernels(options)).length, 1);
  t.strictSame(await readdir(join(dir, 'cache/tmp')), []);
});

void t.test('modules of a merged-/usr package are found', async (t) => {
  const dir = t.testdir();
  const files = {
    [`boot/vmlinuz-${RELEASE}`]: makeBzImage(),
    [`usr/lib/modules/${RELEASE}/kernel/a.ko`]: makeModule([]),
  };
  const deb = await makeDeb(dir, { name: 'linux-image-merged', version: '1', files });
  const kernel = await resolveKernel(deb, { cacheDir: join(dir, 'cache') });
  t.equal((await modulesFor(kernel, ['a'])).length, 1);
  t.equal(kernel.config, undefined);
});

void t.test('packages that are none, or hold no kernel', async (t) => {
  const dir = t.testdir({ 'torn.deb': '!<arch>\ndebian' });
  const options = { cacheDir: join(dir, 'cache') };
  const meta = await makeDeb(dir, { name: 'linux-image-amd64', version: '1', files: { 'usr/doc': 'x' } });
  await t.rejects(resolveKernel(meta, options), { kind: 'usage', message: /holds no boot\/vmlinuz/ });
  await t.rejects(resolveKernel(join(dir, 'torn.deb'), options), {
    kind: 'usage',
    message: /^cannot read package/,
  });
  const outside = await makeDeb(dir, {
    name: 'linux-image-x',
    version: '1',
    files: { 'boot/vmlinuz-x': 'text' },
  });
  await t.rejects(resolveKernel(outside, options), { kind: 'usage', message: /only 4 bytes/ });
  t.strictSame(await readdir(join(dir, 'cache/tmp')), [], 'nothing is left half-made');
  t.strictSame(await listKernels(options), []);
});

void t.test('an abort leaves nothing behind', async (t) => {
  const dir = t.testdir();
  const deb = await makeDeb(dir, { name: `linux-image-${RELEASE}`, version: '1' });
  const abort = new AbortController();
  const options = {
    cacheDir: join(dir, 'cache'),
    signal: abort.signal,
    onProgress: () => abort.abort('enough'),
  };
  await t.rejects(
    resolveKernel(deb, options).catch((reason: unknown) => Promise.reject(new Error(String(reason)))),
    {
      message: 'enough',
    },
  );
  t.strictSame(await readdir(join(dir, 'cache/tmp')), []);
  t.strictSame(await listKernels({ cacheDir: join(dir, 'cache') }), []);
});

void t.test('a cache that cannot be written is one line with a remedy', async (t) => {
  const dir = t.testdir({ file: '' });
  const deb = await makeDeb(dir, { name: `linux-image-${RELEASE}`, version: '1' });
  const told = { kind: 'harness', message: /^cannot use the kernel cache .*; .*CRASHPATH_CACHE/ };
  await t.rejects(resolveKernel(deb, { cacheDir: join(dir, 'file/cache') }), told);
  await mkdir(join(dir, 'closed'));
  await chmod(join(dir, 'closed'), 0o500);
  const asRoot = process.getuid?.() === 0;
  if (!asRoot) await t.rejects(resolveKernel(deb, { cacheDir: join(dir, 'closed/cache') }), told);
});

void t.test('what a killed process left is swept away, what is in work is not', async (t) => {
  const dir = t.testdir({ cache: { tmp: { '1-old': { x: '' }, '2-new': {} } } });
  const past = new Date(Date.now() - 25 * 3_600_000);
  await utimes(join(dir, 'cache/tmp/1-old'), past, past);
  await resolveKernel(await makeDeb(dir, { name: `linux-image-${RELEASE}`, version: '1' }), {
    cacheDir: join(dir, 'cache'),
  });
  t.strictSame(await readdir(join(dir, 'cache/tmp')), ['2-new']);
  await rm(join(dir, 'cache/tmp/2-new'), { recursive: true });
  await writeFile(join(dir, 'cache/kernels/stray'), '');
  t.equal((await listKernels({ cacheDir: join(dir, 'cache') })).length, 1, 'foreign entries are ignored');
});
