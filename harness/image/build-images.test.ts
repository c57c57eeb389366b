import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import t from 'tap';
import which from 'which';
import { buildImages, type GuestImages } from './build-images.js';
import { sha256Of } from '../cache/sha256.js';
import { imageDir } from './image-cache.js';
import { listNewc } from '../testing/builders/newc-listing.js';
import { testInputs, testKernel, testModule } from '../testing/builders/image-inputs.js';
import { canWrite, hostLacksPrograms } from '../testing/host.js';

const skip = hostLacksPrograms();
const IMAGES = fileURLToPath(new URL('../../images/', import.meta.url));

/** Everything below a cache that is not a finished pair. */
function leftovers(cacheDir: string): string[] {
  const tmp = join(cacheDir, 'tmp');
  return existsSync(tmp) ? readdirSync(tmp) : [];
}

void t.test('twice from nothing gives the same bytes, on another file system too', { skip }, async (t) => {
  const dir = t.testdir({});
  const inputs = testInputs(dir);
  const parent = canWrite('/dev/shm') ? '/dev/shm' : tmpdir();
  const elsewhere = mkdtempSync(join(parent, 'crashpath-test-'));
  t.teardown(() => rmSync(elsewhere, { recursive: true }));
  const one = await buildImages(inputs, { cacheDir: join(dir, 'cache') });
  const two = await buildImages(inputs, { cacheDir: elsewhere });
  t.equal(one.key, two.key);
  t.equal(one.production.sha256, two.production.sha256);
  t.equal(one.capture.sha256, two.capture.sha256);
  t.equal(sha256Of(readFileSync(one.production.path)), one.production.sha256);
  t.equal(sha256Of(readFileSync(two.capture.path)), two.capture.sha256);
  t.same([one.reused, two.reused], [false, false]);
  t.same(leftovers(elsewhere), []);
});

void t.test(
  "the first kernel's image contains the capture kernel and the capture image",
  { skip },
  async (t) => {
    const dir = t.testdir({});
    const inputs = testInputs(dir);
    const images = await buildImages(inputs, { cacheDir: dir });
    const production = readFileSync(images.production.path);
    const entries = new Map(listNewc(production).map((entry) => [entry.path, entry]));
    const contents = (path: string): Buffer => {
      const entry = entries.get(path);
      return entry === undefined
        ? Buffer.alloc(0)
        : production.subarray(entry.dataAt, entry.dataAt + entry.size);
    };
    t.equal(sha256Of(contents('crash/vmlinuz')), inputs.captureKernel.sha256);
    t.equal(sha256Of(contents('crash/initrd')), images.capture.sha256);
    t.same(contents('init'), readFileSync(join(IMAGES, 'init/production')));
    t.equal(entries.get('init')?.mode, 0o100755);
    for (const path of ['bin/busybox', 'sbin/kexec', 'lib.sh', 'proc', 'sys', 'dev', 'tmp'])
      t.ok(entries.has(path), path);
    t.same(
      [...entries.keys()].filter((path) => path.endsWith('.ko')),
      ['modules/00-second_first.ko', 'modules/01-a-dependent.ko'],
    );
    const capture = listNewc(readFileSync(images.capture.path)).map((entry) => entry.path);
    t.ok(capture.includes('modules/00-watch.ko'));
    t.notOk(capture.some((path) => path.startsWith('crash')));
  },
);

void t.test('the second call packs nothing and does not need the kernel file', { skip }, async (t) => {
  const dir = t.testdir({ bin: {} });
  const inputs = testInputs(dir);
  const cacheDir = join(dir, 'cache');
  const first = await buildImages(inputs, { cacheDir });
  for (const name of ['busybox', 'kexec']) {
    symlinkSync(
      await which(name, { path: `${process.env['PATH']}:/usr/sbin:/sbin` }),
      join(dir, 'bin', name),
    );
  }
  rmSync(inputs.captureKernel.bzImage);
  const progress: string[] = [];
  const second = await buildImages(inputs, {
    cacheDir,
    searchPath: join(dir, 'bin'),
    onProgress: (line) => progress.push(line),
  });
  t.same(second, { ...first, reused: true });
  t.same(progress, []);
  await t.rejects(buildImages(inputs, { cacheDir: join(dir, 'other'), searchPath: join(dir, 'bin') }), {
    name: 'Fault',
    message: /^cannot read ".*" for an image: ENOENT; check that the file exists/,
  });
});

void t.test('each input has its part in the key', { skip }, async (t) => {
  const dir = t.testdir({ images: {}, bin: {} });
  const inputs = testInputs(dir);
  cpSync(IMAGES, join(dir, 'images'), { recursive: true });
  const imagesDir = join(dir, 'images');
  const cacheDir = join(dir, 'cache');
  const key = async (changed: Partial<typeof inputs> = {}): Promise<string> =>
    (await buildImages({ ...inputs, ...changed }, { cacheDir, imagesDir })).key;
  const keys = [
    await key(),
    await key({ captureKernel: testKernel(dir, 'another kernel') }),
    await key({ modules: inputs.modules.toReversed() }),
    await key({ modules: inputs.captureModules, captureModules: inputs.modules }),
    await key({ captureModules: [] }),
  ];
  const capture = join(imagesDir, 'init', 'capture');
  writeFileSync(capture, `${readFileSync(capture, 'utf8')}# changed\n`);
  keys.push(await key());
  const recipes = join(imagesDir, 'recipes.yaml');
  const text = readFileSync(recipes, 'utf8');
  writeFileSync(recipes, text.replace('{ dir: /dev }', "{ dir: /dev, mode: '0700' }"));
  keys.push(await key());
  t.equal(new Set(keys).size, keys.length, 'all differ');
  writeFileSync(recipes, text.replace('{ dir: /dev }', "{ dir: /dev, mode: '0700' }  # a remark"));
  t.equal(await key(), keys.at(-1), 'a remark in the recipe changes nothing');
});

void t.test('concurrent builders all succeed and leave one pair', { skip }, async (t) => {
  const dir = t.testdir({});
  const inputs = testInputs(dir);
  const built = await Promise.all(Array.from({ length: 4 }, () => buildImages(inputs, { cacheDir: dir })));
  t.equal(new Set(built.map((images) => images.production.sha256)).size, 1);
  t.equal(sha256Of(readFileSync(built[0]?.production.path ?? '')), built[0]?.production.sha256);
  t.same(readdirSync(join(dir, 'images')), [built[0]?.key]);
  t.same(leftovers(dir), []);
});

void t.test('a damaged pair is built again', { skip }, async (t) => {
  const dir = t.testdir({});
  const inputs = testInputs(dir);
  const options = { cacheDir: dir };
  const first = await buildImages(inputs, options);
  const restored = async (why: RegExp, more: { verify?: boolean } = {}): Promise<void> => {
    const progress: string[] = [];
    const again: GuestImages = await buildImages(inputs, {
      ...options,
      ...more,
      onProgress: (line) => progress.push(line),
    });
    t.same(again, first);
    t.match(progress[0], why);
    t.equal(sha256Of(readFileSync(first.production.path)), first.production.sha256);
  };
  writeFileSync(first.production.path, 'short');
  await restored(/production\.cpio has 5 bytes/);
  rmSync(first.capture.path);
  await restored(/capture\.cpio is missing/);
  writeFileSync(join(imageDir(dir, first.key), 'manifest.json'), '{}');
  await restored(/not a manifest/);
  const flipped = readFileSync(first.production.path);
  flipped[200] = (flipped[200] ?? 0) ^ 1;
  writeFileSync(first.production.path, flipped);
  t.equal((await buildImages(inputs, options)).reused, true, 'sizes alone do not show a flipped bit');
  await restored(/differs from its sha256/, { verify: true });
});

void t.test('a kernel that changed since it was resolved is refused', { skip }, async (t) => {
  const dir = t.testdir({});
  const inputs = testInputs(dir);
  writeFileSync(inputs.captureKernel.bzImage, 'rebuilt meanwhile');
  await t.rejects(buildImages(inputs, { cacheDir: dir }), {
    name: 'Fault',
    kind: 'usage',
    message: /its contents changed since it was resolved; run again/,
  });
  rmSync(inputs.captureKernel.bzImage);
  await t.rejects(buildImages(inputs, { cacheDir: dir }), { kind: 'harness', message: /ENOENT/ });
  t.same(leftovers(dir), []);
});

void t.test('a compressed module is refused by name', async (t) => {
  const dir = t.testdir({});
  const inputs = {
    ...testInputs(dir),
    captureModules: [{ name: 'e1000', bytes: Buffer.from('\xfd7zXZ\0') }],
  };
  await t.rejects(buildImages(inputs, { cacheDir: dir }), {
    name: 'Fault',
    message: /module "e1000".*decompress/,
  });
  t.match(testModule('x'), { name: 'x' });
});

void t.test('with a tree of packages no program of the host is taken', async (t) => {
  const dir = t.testdir({ tree: { bin: { busybox: '#!/bin/sh\n' } }, cache: {} });
  const build = () =>
    buildImages({ ...testInputs(dir), programsRoot: join(dir, 'tree') }, { cacheDir: join(dir, 'cache') });
  await t.rejects(build(), {
    kind: 'harness',
    message: /32-bit program "busybox" .*: not an i386 ELF program; /,
  });
  rmSync(join(dir, 'tree', 'bin', 'busybox'));
  await t.rejects(build(), { message: /32-bit program "busybox" .*: the packages do not have it; / });
});

void t.test('a cache that cannot be written', { skip }, async (t) => {
  const dir = t.testdir({ file: 'in the way' });
  const inputs = testInputs(dir);
  await t.rejects(buildImages(inputs, { cacheDir: join(dir, 'file') }), {
    name: 'Fault',
    kind: 'harness',
    message:
      /^cannot use the image cache ".*file": a part of the path is not a directory \(E[A-Z]+\); make room or/,
  });
  if (process.getuid?.() === 0) return;
  chmodSync(dir, 0o555);
  t.teardown(() => chmodSync(dir, 0o755));
  await t.rejects(buildImages(inputs, { cacheDir: join(dir, 'cache') }), {
    message: /permission denied \(EACCES\)/,
  });
});

void t.test('an abort rejects with its reason and leaves nothing', { skip }, async (t) => {
  const dir = t.testdir({});
  const inputs = testInputs(dir);
  const controller = new AbortController();
  const reason = new Error('enough');
  const onProgress = (line: string): void => {
    if (line.includes('packing production')) controller.abort(reason);
  };
  await t.rejects(buildImages(inputs, { cacheDir: dir, signal: controller.signal, onProgress }), reason);
  await t.rejects(buildImages(inputs, { cacheDir: dir, signal: controller.signal }), reason);
  t.same(leftovers(dir), []);
  t.notOk(existsSync(join(dir, 'images')));
});

const mounts = await execa('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', tmpdir()], { reject: false });
const noMounts = mounts.exitCode === 0 ? false : 'no small file system without privileges here';
void t.test(
  'a full disk is named and leaves nothing',
  { skip: skip === false ? noMounts : skip },
  async (t) => {
    const dir = t.testdir({ small: {} });
    const inputs = testInputs(dir);
    const program = `
    import { readdirSync } from 'node:fs';
    import { buildImages } from ${JSON.stringify(new URL('build-images.js', import.meta.url).href)};
    const inputs = ${JSON.stringify({ captureKernel: inputs.captureKernel, modules: [], captureModules: [] })};
    const error = await buildImages(inputs, { cacheDir: 'small' }).catch((e) => e);
    console.log(JSON.stringify({ kind: error.kind, message: error.message, left: readdirSync('small/tmp').length }));`;
    const saw: unknown[] = [];
    // The smaller one is full with the first image's files, the larger one with a finished capture image in it.
    for (const size of ['1m', '3m']) {
      const mount = `mount -t tmpfs -o size=${size} none small && exec "$0" --input-type=module -e "$1"`;
      const { stdout } = await execa('unshare', ['-rm', 'sh', '-c', mount, process.execPath, program], {
        cwd: dir,
      });
      saw.push(JSON.parse(stdout));
    }
    const expected = {
      kind: 'harness',
      message: /cannot use the image cache "small": the disk is full \(ENOSPC\)/,
      left: 0,
    };
    t.match(saw, [expected, expected]);
  },
);
