import {
  chmod,
  mkdir,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
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

/** A kernel split as Debian splits them from Linux 6.19 on, and Ubuntu in its own way. */
async function splitDebs(dir: string, release: string, { merged }: { readonly merged: boolean }) {
  const modules = `${merged ? 'usr/' : ''}lib/modules/${release}`;
  const image = merged ? `${modules}/vmlinuz` : `boot/vmlinuz-${release}`;
  const config = merged ? `${modules}/config` : `boot/config-${release}`;
  const deb = (part: string, files: Readonly<Record<string, string | Buffer>>) =>
    makeDeb(dir, { name: `linux-${part}-${release}`, version: '1+deb14', files });
  return {
    image: await deb(merged ? 'binary' : 'image', { [image]: makeBzImage({ release }) }),
    modules: await deb('modules', { [`${modules}/kernel/one.ko`]: makeModule([]) }),
    base: await deb('base', {
      [config]: MADE_CONFIG,
      [`${modules}/modules.builtin`]: 'kernel/drivers/two.ko\n',
    }),
  };
}

void t.test('several packages are one kernel, whatever their order', async (t) => {
  for (const merged of [true, false]) {
    const dir = t.testdir({});
    const options = { cacheDir: join(dir, 'cache') };
    const debs = await splitDebs(dir, RELEASE, { merged });
    const spec = `${debs.image}+${debs.modules}+${debs.base}`;
    const kernel = await resolveKernel(spec, options);
    t.match(kernel, { spec, release: RELEASE });
    t.equal((await modulesFor(kernel, ['one', 'two'])).length, 1, 'two is built in');
    t.equal((await configOf(kernel))?.get('CONFIG_KEXEC'), 'y');
    const turned = await resolveKernel(`${debs.base}+${debs.image}+${debs.modules}`, options);
    t.equal(turned.bzImage, kernel.bzImage);
    t.equal((await listKernels(options)).length, 1);
  }
});

void t.test('a directory of packages is the kernel in them; what is no part of it is left out', async (t) => {
  const dir = t.testdir({ debs: { 'linux-image-x-dbg_1_amd64.deb': 'no package', 'notes.txt': '' } });
  const options = { cacheDir: join(dir, 'cache') };
  const debs = join(dir, 'debs');
  await splitDebs(debs, RELEASE, { merged: true });
  await makeDeb(debs, { name: 'linux-image-amd64', version: '1', files: { 'usr/doc': 'x' } });
  const kernel = await resolveKernel(debs, options);
  t.match(kernel, { release: RELEASE, spec: debs });
  t.equal((await modulesFor(kernel, ['one'])).length, 1);
  await splitDebs(debs, '6.2.0-1-amd64', { merged: true });
  await t.rejects(resolveKernel(debs, options), {
    kind: 'usage',
    message: /several kernels are in it \(lib\/modules\/6\.1\.0-1-amd64\/vmlinuz, lib\/modules\/6\.2/,
  });
  t.strictSame(await readdir(join(dir, 'cache/tmp')), []);
});

void t.test('packages that are not of one kernel', async (t) => {
  const dir = t.testdir({});
  const options = { cacheDir: join(dir, 'cache') };
  const debs = await splitDebs(dir, RELEASE, { merged: true });
  const others = await splitDebs(dir, '6.2.0-1-amd64', { merged: true });
  const doc = await makeDeb(dir, { name: 'linux-doc', version: '1', files: { 'usr/doc': 'x' } });
  const same = join(dir, 'same.deb');
  await rename(
    await makeDeb(dir, {
      name: `linux-modules-${RELEASE}`,
      version: '2',
      files: { [`lib/modules/${RELEASE}/kernel/one.ko`]: 'x' },
    }),
    same,
  );
  const cases: [string, RegExp][] = [
    [
      `${debs.image}+${others.modules}`,
      /the kernel in it is 6\.1\.0-1-amd64, the modules are of 6\.2\.0-1-amd64; /,
    ],
    [`${debs.image}+${others.image}`, /several kernels are in it/],
    [`${debs.modules}+${debs.base}`, /no boot\/vmlinuz-\* and no lib\/modules\/\*\/vmlinuz is in it/],
    [`${debs.image}+${doc}`, /"[^"]*linux-doc[^"]*": it holds neither a kernel image nor modules/],
    [`${debs.image}+${debs.modules}+${same}`, /"[^"]*same\.deb": lib\/modules\/.*one\.ko is there twice/],
    [`${debs.image}+${join(dir, 'absent.deb')}`, /^cannot read kernel ".*absent\.deb": no such file/],
    [`${debs.image}+bzImage`, /"bzImage" is not the name of a \.deb or \.rpm; write/],
  ];
  for (const [spec, why] of cases) {
    await t.rejects(resolveKernel(spec, options), { kind: 'usage', message: why }, spec);
  }
  t.strictSame(await listKernels(options), []);
  t.strictSame(await readdir(join(dir, 'cache/tmp')), []);
});

void t.test('a module tree holds its kernel, as Debian 7, Fedora and Arch install it', async (t) => {
  const dir = t.testdir({});
  const options = { cacheDir: join(dir, 'cache') };
  for (const [root, lib] of [
    ['a', 'lib'],
    ['b', 'usr/lib'],
  ] as const) {
    const tree = join(dir, root, lib, 'modules', RELEASE);
    await writeTree(tree, { vmlinuz: makeBzImage(), config: MADE_CONFIG, 'kernel/one.ko': makeModule([]) });
    for (const spec of [tree, join(tree, 'vmlinuz'), join(dir, root)]) {
      const kernel = await resolveKernel(spec, options);
      t.match(kernel, { release: RELEASE, modulesDir: tree, config: join(tree, 'config') }, spec);
    }
  }
  const copied = join(dir, 'a/boot');
  await writeTree(copied, { [`vmlinuz-${RELEASE}`]: makeBzImage() });
  const beside = await resolveKernel(copied, options);
  t.match(beside, { modulesDir: join(dir, 'a/lib/modules', RELEASE), config: /modules\/.*\/config$/ });
  await writeTree(join(dir, 'b/usr/lib/modules/6.2'), { vmlinuz: makeBzImage({ release: '6.2' }) });
  await t.rejects(resolveKernel(join(dir, 'b'), options), {
    kind: 'usage',
    message: /it holds usr\/lib\/modules\/6\.1\.0-1-amd64\/vmlinuz, usr\/lib\/modules\/6\.2\/vmlinuz; give/,
  });
  t.match(await resolveKernel(join(dir, 'b/usr/lib/modules/6.2'), options), {
    release: '6.2',
    modulesDir: undefined,
    config: undefined,
  });
  await writeTree(join(dir, 'c/lib/modules/6.3'), {
    vmlinuz: makeBzImage(),
    'kernel/one.ko': makeModule([]),
  });
  await t.rejects(resolveKernel(join(dir, 'c/lib/modules/6.3'), options), {
    kind: 'usage',
    message: /it is 6\.1\.0-1-amd64, and the modules beside it are of 6\.3; give/,
  });
});

void t.test('packages that are none, or hold no kernel', async (t) => {
  const dir = t.testdir({ 'torn.deb': '!<arch>\ndebian' });
  const options = { cacheDir: join(dir, 'cache') };
  const meta = await makeDeb(dir, { name: 'linux-image-amd64', version: '1', files: { 'usr/doc': 'x' } });
  await t.rejects(resolveKernel(meta, options), { kind: 'usage', message: /: no boot\/vmlinuz-\* and no/ });
  await t.rejects(resolveKernel(join(dir, 'torn.deb'), options), {
    kind: 'usage',
    message: /^cannot use package ".*torn\.deb": dpkg-deb: .*; give complete packages of one kernel/,
  });
  const whole = await makeDeb(dir, { name: `linux-image-${RELEASE}`, version: '1' });
  const { size } = await stat(whole);
  await truncate(whole, size - 100);
  await t.rejects(resolveKernel(whole, options), {
    kind: 'usage',
    message: /^cannot use package .*linux-image/,
  });
  const arm = await makeDeb(dir, { name: 'linux-image-6.1.0-1-arm64', version: '1', architecture: 'arm64' });
  await t.rejects(resolveKernel(arm, options), {
    kind: 'usage',
    message: /it is for arm64, and guests here are x86; give/,
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
