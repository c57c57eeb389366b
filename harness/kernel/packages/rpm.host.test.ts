/** Kernels in .rpm, read by bsdtar: some made by hand, and one by rpmbuild. */
import { readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import which from 'which';
import { makeBzImage, makeDeb, makeModule, MADE_CONFIG } from '../../testing/builders/kernels.js';
import { makeRpm } from '../../testing/builders/rpms.js';
import { writeTree } from '../../testing/files.js';
import { configOf } from '../config.js';
import { modulesFor } from '../modules.js';
import { listKernels, resolveKernel } from '../resolve.js';

const lacks = (program: string) =>
  which.sync(program, { nothrow: true }) === null ? `not installed: ${program}` : false;
const RELEASE = '6.11.4-301.fc41.x86_64';
const OF_FEDORA = { version: '6.11.4', release: '301.fc41' };
const TREE = `lib/modules/${RELEASE}`;

/** The three packages in which Fedora has a kernel. */
async function fedora(dir: string) {
  return {
    core: await makeRpm(dir, {
      ...OF_FEDORA,
      name: 'kernel-core',
      files: {
        [`${TREE}/vmlinuz`]: makeBzImage({ release: RELEASE }),
        [`${TREE}/config`]: MADE_CONFIG,
        [`${TREE}/modules.builtin`]: 'kernel/three.ko\n',
        [`boot/.vmlinuz-${RELEASE}.hmac`]: 'x',
      },
    }),
    modulesCore: await makeRpm(dir, {
      ...OF_FEDORA,
      name: 'kernel-modules-core',
      files: { [`${TREE}/kernel/one.ko.xz`]: await compressed('xz', makeModule([])) },
    }),
    modules: await makeRpm(dir, {
      ...OF_FEDORA,
      name: 'kernel-modules',
      files: { [`${TREE}/kernel/two.ko.zst`]: await compressed('zstd', makeModule(['one'])) },
    }),
  };
}

async function compressed(tool: 'xz' | 'zstd', bytes: Buffer): Promise<Buffer> {
  const { stdout } = await execa(tool, ['-c'], { input: bytes, encoding: 'buffer' });
  return Buffer.from(stdout);
}

void t.test('the packages of a kernel, as files and as a directory', { skip: lacks('bsdtar') }, async (t) => {
  const dir = t.testdir({ rpms: {} });
  const options = { cacheDir: join(dir, 'cache') };
  const { core, modulesCore, modules } = await fedora(join(dir, 'rpms'));
  await writeFile(join(dir, 'rpms/kernel-devel-6.11.4-301.fc41.x86_64.rpm'), 'not read');
  const kernel = await resolveKernel(`${core}+${modulesCore}+${modules}`, options);
  t.match(kernel, { release: RELEASE, label: RELEASE });
  t.equal((await configOf(kernel))?.get('CONFIG_KEXEC'), 'y');
  const names = (await modulesFor(kernel, ['two', 'three'])).map(({ name }) => name);
  t.strictSame(names, ['one', 'two'], 'compressed modules, and one that is built in');
  t.equal((await resolveKernel(join(dir, 'rpms'), options)).bzImage, kernel.bzImage);
  t.match(
    await resolveKernel(core, options),
    { release: RELEASE, config: /config-6\.11/ },
    'the image alone',
  );
  t.equal((await listKernels(options)).length, 2);
});

void t.test('packages that are damaged, foreign or hostile', { skip: lacks('bsdtar') }, async (t) => {
  const dir = t.testdir({ 'text.rpm': 'no package' });
  const options = { cacheDir: join(dir, 'cache') };
  const { core, modules } = await fedora(dir);
  const other = await makeRpm(dir, {
    name: 'kernel-modules',
    version: '6.12.0',
    files: { 'lib/modules/6.12.0/kernel/a.ko': 'x' },
  });
  const arm = await makeRpm(dir, { name: 'kernel-core', arch: 'aarch64' });
  const source = await makeRpm(dir, { name: 'kernel', arch: 'src', source: true });
  const deb = await makeDeb(dir, { name: 'linux-image-6.1', version: '1' });
  const escaping = await makeRpm(dir, { name: 'kernel-evil', files: { '../../evil': 'x' } });
  const broken = await makeRpm(dir, { name: 'kernel-broken', payload: Buffer.from('no archive') });
  const cut = await makeRpm(dir, {
    name: 'kernel-cut',
    files: { 'boot/vmlinuz-6.1': Buffer.alloc(100_000, 'x\ny') },
  });
  await truncate(cut, (await stat(cut)).size - 30);
  const cases: [string, RegExp][] = [
    [join(dir, 'text.rpm'), /^cannot use package ".*text\.rpm": it is not an \.rpm; give/],
    [arm, /it is for aarch64, and guests here are x86; give/],
    [source, /it is a source package; give/],
    [`${core}+${other}`, /the kernel in it is 6\.11\.4-301\.fc41\.x86_64, the modules are of 6\.12\.0; give/],
    [modules, /no boot\/vmlinuz-\* and no lib\/modules\/\*\/vmlinuz is in it; give/],
    [`${core}+${deb}`, /several kernels are in it/],
    [escaping, /it holds a path that leaves it; give/],
    // bsdtar takes a payload of text for an empty archive.
    [broken, /^cannot use package ".*kernel-broken.*": no boot\/vmlinuz-\*.*; give/],
    [cut, /^cannot use package ".*kernel-cut.*": it is cut off or damaged.*; give/],
  ];
  for (const [spec, why] of cases) {
    await t.rejects(resolveKernel(spec, options), { kind: 'usage', message: why }, spec);
  }
  t.strictSame(await listKernels(options), []);
  t.strictSame(await readdir(join(dir, 'cache/tmp')), [], 'nothing is left half-made');
  t.notOk((await readdir(dir)).includes('evil'));
});

void t.test("rpmbuild's own package", { skip: lacks('bsdtar') || lacks('rpmbuild') }, async (t) => {
  const dir = t.testdir({});
  const options = { cacheDir: join(dir, 'cache') };
  const root = join(dir, 'root');
  await writeTree(root, {
    [`lib/modules/${RELEASE}/vmlinuz`]: makeBzImage({ release: RELEASE }),
    [`lib/modules/${RELEASE}/config`]: MADE_CONFIG,
    [`lib/modules/${RELEASE}/kernel/one.ko`]: makeModule([]),
  });
  const spec = join(dir, 'kernel.spec');
  await writeFile(
    spec,
    `Name: kernel-core\nVersion: 6.11.4\nRelease: 301.fc41\nSummary: made\nLicense: GPL\n%global __os_install_post %{nil}\n%description\nmade\n%install\nmkdir -p %{buildroot}\ncp -a ${root}/. %{buildroot}/\n%files\n/lib\n`,
  );
  for (const compression of ['w9.xzdio', 'w3.zstdio', 'w9.gzdio']) {
    const define = [
      '--define',
      `_topdir ${join(dir, compression)}`,
      '--define',
      `_binary_payload ${compression}`,
    ];
    await execa('rpmbuild', ['-bb', '--quiet', '--target', 'x86_64', ...define, spec]);
    const built = join(dir, compression, 'RPMS/x86_64', `kernel-core-${RELEASE}.rpm`);
    const kernel = await resolveKernel(built, options);
    t.match(kernel, { release: RELEASE }, compression);
    t.equal((await modulesFor(kernel, ['one'])).length, 1, compression);
  }
});
