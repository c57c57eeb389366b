/** Kernels through apt, with a small signed archive on this disk in place of Debian's. */
import { execa } from 'execa';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { configOf } from '../config.js';
import { modulesFor } from '../modules.js';
import { availableDebianKernels } from './debian-kernel.js';
import { packageTree } from './package-tree.js';
import { makeBzImage, makeDeb, makeModule, MADE_CONFIG } from '../../testing/builders/kernels.js';
import { writeTree } from '../../testing/files.js';
import type { KernelOptions } from '../options.js';
import { listKernels, removeKernel, resolveKernel } from '../resolve.js';

interface Archive {
  readonly root: string;
  /** GnuPG home with the key that signs. */
  readonly gnupg: string;
}

type MadePackage = readonly [name: string, version: string, more?: Contents];

/** Of a package that is no kernel. */
interface Contents {
  readonly depends?: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
}

/** Publishes packages as a suite, signed by default. */
async function publish(
  archive: Archive,
  suite: string,
  { packages, signed = true }: { packages: readonly MadePackage[]; signed?: boolean },
): Promise<void> {
  const pool = join(archive.root, 'pool');
  await mkdir(pool, { recursive: true });
  const records: string[] = [];
  for (const [name, version, more] of packages) {
    const deb = await makeDeb(pool, { name, version, files: more?.files });
    const bytes = await readFile(deb);
    records.push(
      `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: nobody\n${more?.depends === undefined ? '' : `Depends: ${more.depends}\n`}Filename: pool/${basename(deb)}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\nDescription: made\n`,
    );
  }
  const plain = Buffer.from(records.join('\n'));
  const list = gzipSync(plain);
  const inList = 'main/binary-amd64/Packages';
  const release = `Origin: Debian\nSuite: ${suite}\nCodename: ${suite}\nDate: ${new Date().toUTCString()}\nArchitectures: amd64\nComponents: main\nSHA256:\n ${sha256(plain)} ${plain.length} ${inList}\n ${sha256(list)} ${list.length} ${inList}.gz\n`;
  const dist = join(archive.root, 'dists', suite);
  await rm(dist, { recursive: true, force: true });
  await writeTree(dist, { [inList]: plain, [`${inList}.gz`]: list, Release: release });
  if (!signed) return;
  const key = ['--homedir', archive.gnupg, '--batch', '--yes', '--digest-algo', 'SHA256'];
  await execa('gpg', [...key, '-o', join(dist, 'InRelease'), '--clearsign', join(dist, 'Release')]);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Short path: the socket of gpg-agent must fit into 108 bytes. */
const gnupg = await mkdtemp(join(tmpdir(), 'gk-'));
await execa('gpg', [
  '--homedir',
  gnupg,
  '--batch',
  '--passphrase',
  '',
  '--quick-gen-key',
  'Made <made@example.invalid>',
  'rsa2048',
]);
const base = t.testdir({ apt: { 'sources.list.d': {} }, debian: {} });
const archive: Archive = { root: join(base, 'debian'), gnupg };
const keyring = join(base, 'debian-made.gpg');
await execa('gpg', ['--homedir', gnupg, '-o', keyring, '--export']);
t.teardown(async () => {
  await execa('gpgconf', ['--homedir', gnupg, '--kill', 'all']);
  await rm(gnupg, { recursive: true, force: true });
});
const source = (suites: string, uri = `file:${archive.root}`) =>
  `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\nSigned-By: ${keyring}\n`;
await writeFile(
  join(base, 'apt/sources.list.d/debian.sources'),
  `${source('bookworm')}\n${source('bookworm-security')}`,
);
const OLD: [string, string] = ['linux-image-6.1.0-9-amd64', '6.1.27-1'];
const NEW: [string, string] = ['linux-image-6.1.0-10-amd64', '6.1.38-1'];
const NEWEST: [string, string] = ['linux-image-6.1.0-11-amd64', '6.1.40-1'];
await publish(archive, 'bookworm', { packages: [OLD, ['linux-image-6.1.0-9-cloud-amd64', '6.1.27-1']] });
await publish(archive, 'bookworm-security', {
  packages: [NEW, ['linux-image-6.12.5+deb12-amd64', '6.12.5-1']],
});
await publish(archive, 'sid', { packages: [['linux-image-7.2.1+deb14-amd64', '7.2.1-1']] });
await publish(archive, 'trixie', { packages: [['linux-image-6.12.9+deb13-amd64', '6.12.9-1']] });
await publish(archive, 'forky', { packages: [OLD], signed: false });

let cacheDir = '';
let lines: string[] = [];
let options: KernelOptions = { cacheDir };
t.beforeEach((t) => {
  cacheDir = join(t.testdir(), 'cache');
  lines = [];
  options = { cacheDir, aptEtcDir: join(base, 'apt'), onProgress: (line) => lines.push(line) };
});

function updates(): number {
  return lines.filter((line) => line.startsWith('fetching')).length;
}

/** As if the lists had been fetched that long ago. */
async function age(hours: number): Promise<void> {
  for (const key of await readdir(join(cacheDir, 'apt'))) {
    const file = join(cacheDir, 'apt', key, 'offered.json');
    const lists: { atMs: number } = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ ...lists, atMs: lists.atMs - hours * 3_600_000 }));
  }
}

void t.test('a series is its newest package; from then on it needs no network', async (t) => {
  const kernel = await resolveKernel('debian:6.1', options);
  t.match(kernel, { spec: 'debian:6.1', release: '6.1.0-10-amd64' });
  t.equal(updates(), 1);
  t.ok(
    lines.some((line) => line.startsWith('debian:6.1 is 6.1.0-10 ')),
    'says which',
  );
  t.match(await resolveKernel('debian:6.1', options), { sha256: kernel.sha256 });
  t.match(await resolveKernel('debian:6.1.0-9-cloud', options), { release: '6.1.0-9-cloud-amd64' });
  t.equal(updates(), 1, 'fresh lists are not fetched again');
  const offline = { cacheDir, offline: true, aptEtcDir: '/nonexistent' };
  t.match(await resolveKernel('debian:6.1.0-10', offline), { sha256: kernel.sha256 });
  t.match(await resolveKernel('debian:6.1', offline), { sha256: kernel.sha256 });
  await t.rejects(resolveKernel('debian:6.12', offline), {
    kind: 'usage',
    message: /offline.*debian:6\.1\.0-10/,
  });
  t.strictSame(
    (await listKernels(offline)).map(({ spec }) => spec),
    ['debian:6.1.0-9-cloud', 'debian:6.1.0-10'],
  );
  t.strictSame(await readdir(join(cacheDir, 'tmp')), []);
  await removeKernel('6.1.0-10-amd64', offline);
  await t.rejects(
    resolveKernel('debian:6.1.0-10', offline),
    { kind: 'usage', message: /offline/ },
    'a name outlives its kernel harmlessly',
  );
});

void t.test('old lists are fetched again, and what is new in them is found', async (t) => {
  await resolveKernel('debian:6.1', options);
  await publish(archive, 'bookworm-security', { packages: [NEW, NEWEST] });
  t.match(await resolveKernel('debian:6.1', options), { release: '6.1.0-10-amd64' }, 'the lists are fresh');
  await age(25);
  t.match(await resolveKernel('debian:6.1', options), { release: '6.1.0-11-amd64' });
  t.equal(updates(), 2);
});

void t.test('a package that the archive has replaced meanwhile', async (t) => {
  await publish(archive, 'bookworm-security', { packages: [NEW] });
  await availableDebianKernels(options);
  await publish(archive, 'bookworm-security', { packages: [NEWEST] });
  await rm(join(archive.root, 'pool', `${NEW[0]}_${NEW[1]}_amd64.deb`));
  t.match(await resolveKernel('debian:6.1', options), { release: '6.1.0-11-amd64' });
  t.equal(updates(), 2);
});

void t.test('an unreachable archive: a series is taken from the cache, with a note', async (t) => {
  await resolveKernel('debian:6.1.0-9', options);
  await age(25);
  const sources = join(base, 'apt/sources.list.d/debian.sources');
  const good = await readFile(sources, 'utf8');
  t.teardown(() => writeFile(sources, good));
  await writeFile(sources, source('bookworm', 'http://127.0.0.1:9/debian'));
  t.match(await resolveKernel('debian:6.1', options), { release: '6.1.0-9-amd64' });
  t.ok(lines.some((line) => /using the cached 6\.1\.0-9/.test(line)));
  await t.rejects(resolveKernel('debian:6.12', options), {
    kind: 'harness',
    message: /^cannot fetch .*; check/,
  });
});

void t.test('other suites, with or without a security archive', async (t) => {
  t.match(await resolveKernel('debian:sid/7.2', options), { release: '7.2.1+deb14-amd64' });
  t.equal(updates(), 1);
  t.match(await resolveKernel('debian:trixie/6.12', options), { release: '6.12.9+deb13-amd64' });
  t.equal(updates(), 3, 'once with, once without trixie-security');
  await t.rejects(resolveKernel('debian:duke/6.12', options), {
    kind: 'usage',
    message: /"duke".*Release file/,
  });
  await t.rejects(resolveKernel('debian:sid/6.1', options), {
    kind: 'usage',
    message: /nearest: debian:sid\/7\.2\.1/,
  });
  const offered = await availableDebianKernels({ ...options, suite: 'sid' });
  t.strictSame(offered, [
    { version: '7.2.1+deb14', package: 'linux-image-7.2.1+deb14-amd64', packageVersion: '7.2.1-1' },
  ]);
});

/** A kernel as Debian publishes it from Linux 6.19 on; `without` names a part that the archive has lost. */
function splitKernel(release: string, version: string, without?: 'modules'): MadePackage[] {
  const tree = `usr/lib/modules/${release}`;
  const parts: [name: string, files: Record<string, string | Buffer>][] = [
    ['base', { [`${tree}/config`]: MADE_CONFIG, [`${tree}/modules.builtin`]: '' }],
    ['binary', { [`${tree}/vmlinuz`]: makeBzImage({ release }) }],
    ['modules', { [`${tree}/kernel/one.ko`]: makeModule([]) }],
  ];
  const depends = [
    'linux-initramfs-tool',
    ...parts.map(([part]) => `linux-${part}-${release} (= ${version})`),
  ];
  const image: MadePackage = [
    `linux-image-${release}`,
    version,
    { depends: depends.join(', '), files: { 'usr/share/doc/x': 'empty' } },
  ];
  const held = parts.filter(([part]) => part !== without);
  return [
    image,
    ...held.map(([part, files]): MadePackage => [`linux-${part}-${release}`, version, { files }]),
  ];
}

void t.test('a split kernel: image, modules and config come from their own packages', async (t) => {
  await publish(archive, 'experimental', {
    packages: [
      ...splitKernel('7.2.3+deb14-amd64', '7.2.3-1'),
      ...splitKernel('7.2.3+deb14-rt-amd64', '7.2.3-1'),
      ...splitKernel('7.3.1+deb14-amd64', '7.3.1-1', 'modules'),
    ],
  });
  const kernel = await resolveKernel('debian:experimental', options);
  t.match(kernel, { spec: 'debian:experimental', release: '7.2.3+deb14-amd64' }, 'the newest that is whole');
  t.ok(lines.some((line) => line.startsWith('debian:experimental is 7.2.3+deb14 (7.2.3-1; ')));
  t.equal((await configOf(kernel))?.get('CONFIG_KEXEC'), 'y');
  t.strictSame(
    (await modulesFor(kernel, ['one'])).map(({ name }) => name),
    ['one'],
  );
  const downloads = () => lines.filter((line) => line.startsWith('downloading linux-')).length;
  t.equal(downloads(), 4);
  t.match(await resolveKernel('debian:experimental/7.2', options), { sha256: kernel.sha256 });
  t.equal(downloads(), 4);
  t.match(await resolveKernel('debian:experimental-rt', options), { release: '7.2.3+deb14-rt-amd64' });
  const offline = { cacheDir, offline: true, aptEtcDir: '/nonexistent' };
  for (const spec of ['debian:experimental', 'debian:experimental/7.2.3+deb14']) {
    t.match(await resolveKernel(spec, offline), { sha256: kernel.sha256 }, spec);
  }
  t.strictSame(
    (await listKernels(offline)).map(({ spec }) => spec),
    ['debian:experimental/7.2.3+deb14', 'debian:experimental/7.2.3+deb14-rt'],
  );
  for (const spec of ['debian:experimental/7.3', 'debian:experimental/7.3.1+deb14']) {
    await t.rejects(resolveKernel(spec, options), {
      kind: 'usage',
      message:
        /has 7\.3\.1\+deb14 only in part, without linux-modules-7\.3\.1\+deb14-amd64; nearest: debian:experimental\/7\.2\.3/,
    });
  }
  const offered = await availableDebianKernels({ ...options, suite: 'experimental' });
  t.strictSame(offered.map(({ version }) => version).sort(), ['7.2.3+deb14', '7.2.3+deb14-rt']);
  t.strictSame(await readdir(join(cacheDir, 'tmp')), []);
});

void t.test('an unsigned archive and a changed package are refused', async (t) => {
  await t.rejects(resolveKernel('debian:forky/6.1', options), {
    kind: 'harness',
    message: /not signed.*keyring/,
  });
  await publish(archive, 'bookworm', { packages: [OLD] });
  await availableDebianKernels(options);
  const deb = join(archive.root, 'pool', `${OLD[0]}_${OLD[1]}_amd64.deb`);
  const bytes = await readFile(deb);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
  await writeFile(deb, bytes);
  await t.rejects(resolveKernel('debian:6.1.0-9', options), {
    kind: 'harness',
    message: /Hash Sum mismatch/,
  });
  t.strictSame(await listKernels(options), []);
  t.strictSame(await readdir(join(cacheDir, 'tmp')), []);
  await publish(archive, 'bookworm', { packages: [OLD] });
});

void t.test('an unknown version names the nearest; a second mistake does not fetch again', async (t) => {
  await t.rejects(resolveKernel('debian:6.1.0-90', options), {
    kind: 'usage',
    message: /nearest: debian:6\.1\.0-9,/,
  });
  await t.rejects(resolveKernel('debian:5.4', options), { kind: 'usage', message: /nearest: debian:6\.1/ });
  t.equal(updates(), 1);
});

void t.test('several at once wait for each other', async (t) => {
  const kernels = await Promise.all([1, 2, 3].map(() => resolveKernel('debian:6.1', options)));
  t.equal(new Set(kernels.map(({ bzImage }) => bzImage)).size, 1);
  t.strictSame(await readdir(join(cacheDir, 'tmp')), []);
});

void t.test('a mirror named in the environment', async (t) => {
  const before = process.env['CRASHPATH_DEBIAN_MIRROR'];
  t.teardown(() => {
    if (before === undefined) delete process.env['CRASHPATH_DEBIAN_MIRROR'];
    else process.env['CRASHPATH_DEBIAN_MIRROR'] = before;
  });
  process.env['CRASHPATH_DEBIAN_MIRROR'] = `file:${archive.root}`;
  t.match(await resolveKernel('debian:sid/7.2', options), { release: '7.2.1+deb14-amd64' });
  process.env['CRASHPATH_DEBIAN_MIRROR'] = 'mirror.invalid/debian';
  await t.rejects(resolveKernel('debian:6.1', options), {
    kind: 'usage',
    message: /CRASHPATH_DEBIAN_MIRROR/,
  });
  delete process.env['CRASHPATH_DEBIAN_MIRROR'];
  await t.rejects(resolveKernel('debian:6.1', { ...options, aptEtcDir: join(base, 'debian') }), {
    kind: 'harness',
    message: /name no such Debian archive; set CRASHPATH_DEBIAN_MIRROR/,
  });
});

void t.test('packages are unpacked with what they depend on', async (t) => {
  const tool = {
    depends: 'libtool (>= 2)',
    files: { 'usr/bin/tool': 'new', 'usr/share/doc/tool/README': 'no' },
  };
  const library = { files: { 'lib/x86_64-linux-gnu/libtool.so.2': 'library', 'lib64/ld.so': 'loader' } };
  const other = { files: { 'usr/bin/other': 'not wanted' } };
  const base: MadePackage[] = [
    ['tool', '1.0-1', { files: { 'usr/bin/tool': 'old' } }],
    ['libtool', '2.0-1', library],
    ['other', '1.0-1', other],
  ];
  await publish(archive, 'duke', { packages: base });
  await publish(archive, 'duke-security', { packages: [] });
  await publish(archive, 'duke-backports', { packages: [['tool', '1.1-1~bpo1+1', tool]] });
  const request = { names: ['tool'], suite: 'duke-backports' };
  const tree = await packageTree(request, options);
  t.strictSame(Object.fromEntries(tree.versions), { libtool: '2.0-1', tool: '1.1-1~bpo1+1' });
  const text = (path: string) => readFile(join(tree.dir, path), 'utf8').catch(() => undefined);
  t.equal(await text('usr/bin/tool'), 'new');
  t.equal(await text('usr/lib/x86_64-linux-gnu/libtool.so.2'), 'library', '/usr is merged');
  t.equal(await text('lib64/ld.so'), 'loader');
  t.equal(await text('usr/share/doc/tool/README'), undefined);
  t.equal(await text('usr/bin/other'), undefined);
  const offline = { ...options, offline: true, aptEtcDir: '/nonexistent' };
  t.strictSame(await packageTree(request, offline), tree);
  await t.rejects(packageTree({ names: ['other'], suite: 'duke' }, offline), {
    kind: 'harness',
    message: /offline/,
  });
  await t.rejects(packageTree({ names: ['tool', 'none'], suite: 'duke' }, options), {
    kind: 'usage',
    message:
      /^cannot unpack "tool none": Debian duke does not offer all of them \(.*none.*\); name another suite$/,
  });
  t.equal((await packageTree({ names: ['tool'], suite: 'duke' }, options)).versions.get('tool'), '1.0-1');
  t.strictSame(await readdir(join(cacheDir, 'tmp')), []);
});
