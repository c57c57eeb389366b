import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { withTempDir } from '../cache/cache-directory.js';
import { sha256Of } from '../cache/sha256.js';
import {
  describeImage,
  imageCache,
  imageDir,
  listImages,
  manifestFile,
  publishImages,
  removeImage,
} from './image-cache.js';
import { IMAGE_SCHEMA, imageKey } from './manifest.js';

const bytes = Buffer.from('an archive');

async function put(cacheDir: string, key: string): Promise<void> {
  await withTempDir(imageCache(cacheDir), async (dir) => {
    const image = (file: string) => ({ file, bytes: bytes.length, sha256: sha256Of(bytes), entries: [] });
    const images = { production: image('production.cpio'), capture: image('capture.cpio') };
    const captureKernel = { release: '6.1.0', sha256: sha256Of(bytes) };
    const { name, text } = manifestFile({ schema: IMAGE_SCHEMA, key, captureKernel, images });
    writeFileSync(join(dir, name), text);
    for (const { file } of Object.values(images)) writeFileSync(join(dir, file), bytes);
    await publishImages(dir, key, { cacheDir });
  });
}

const A = 'aaaa0000'.repeat(4);
const B = 'aaaa1111'.repeat(4);

void t.test('an absent cache is empty', async (t) => {
  t.same(await listImages({ cacheDir: join(t.testdir({}), 'none') }), []);
});

void t.test('lists pairs in order and says which are damaged', async (t) => {
  const cacheDir = t.testdir({});
  await put(cacheDir, B);
  await put(cacheDir, A);
  mkdirSync(join(cacheDir, 'images', 'not-a-key'));
  writeFileSync(join(imageDir(cacheDir, A), 'capture.cpio'), 'AN ARCHIVE');
  const found = await listImages({ cacheDir });
  t.same(
    found.map(({ key, damage }) => [key, damage]),
    [
      [A, undefined],
      [B, undefined],
    ],
  );
  const verified = await listImages({ cacheDir, verify: true });
  t.match(verified[0]?.damage, /capture\.cpio differs from its sha256/);
  t.equal(verified[1]?.damage, undefined);
});

void t.test('a key may be shortened while it names one pair', async (t) => {
  const cacheDir = t.testdir({});
  await put(cacheDir, A);
  await put(cacheDir, B);
  t.equal((await describeImage('aaaa0', { cacheDir })).key, A);
  await t.rejects(describeImage('aaaa', { cacheDir }), { kind: 'usage', message: /2 keys begin so/ });
  for (const key of ['', 'aaa', 'ffff', '../images', '../../etc']) {
    await t.rejects(
      describeImage(key, { cacheDir }),
      { kind: 'usage', message: /no such key/ },
      `key "${key}"`,
    );
    await t.rejects(removeImage(key, { cacheDir }), { kind: 'usage', message: /no such key/ });
  }
});

void t.test('removes one pair and nothing else', async (t) => {
  const cacheDir = t.testdir({});
  await put(cacheDir, A);
  await put(cacheDir, B);
  t.equal(await removeImage(A, { cacheDir }), A);
  t.same(
    (await listImages({ cacheDir })).map((each) => each.key),
    [B],
  );
  t.same(readdirSync(join(cacheDir, 'tmp')), []);
  await t.rejects(removeImage(A, { cacheDir }), { kind: 'usage', message: /no such key/ });
});

void t.test('a manifest of another key or another version is damage', async (t) => {
  const cacheDir = t.testdir({});
  await put(cacheDir, A);
  const file = join(imageDir(cacheDir, A), 'manifest.json');
  const captureKernel = { release: '6.1.0', sha256: sha256Of(bytes) };
  const image = { file: '../../x.cpio', bytes: 1, sha256: sha256Of(bytes), entries: [] };
  const text = JSON.stringify({
    schema: 1,
    key: A,
    captureKernel,
    images: { production: image, capture: image },
  });
  writeFileSync(file, text);
  t.match((await describeImage(A, { cacheDir })).damage, /not a manifest/, 'a path outside the pair');
  const empty = (name: string) => ({ ...image, file: name });
  const images = { production: empty('production.cpio'), capture: empty('capture.cpio') };
  writeFileSync(file, JSON.stringify({ schema: 1, key: B, captureKernel, images }));
  t.match((await describeImage(A, { cacheDir })).damage, /is that of aaaa1111/);
  writeFileSync(file, JSON.stringify({ schema: 2, key: A, captureKernel, images }));
  t.match((await describeImage(A, { cacheDir })).damage, /not a manifest of this version/);
});

void t.test('what killed builders left is swept after a day, not before', async (t) => {
  const cacheDir = t.testdir({ tmp: { old: { x: '' }, young: { x: '' } } });
  const longAgo = Date.now() / 1000 - 25 * 3600;
  utimesSync(join(cacheDir, 'tmp', 'old'), longAgo, longAgo);
  await put(cacheDir, A);
  t.notOk(existsSync(join(cacheDir, 'tmp', 'old')));
  t.ok(existsSync(join(cacheDir, 'tmp', 'young')));
});

void t.test('a publisher keeps an intact pair and replaces a damaged one', async (t) => {
  const cacheDir = t.testdir({});
  await put(cacheDir, A);
  writeFileSync(join(imageDir(cacheDir, A), 'witness'), '');
  await put(cacheDir, A);
  t.ok(existsSync(join(imageDir(cacheDir, A), 'witness')), 'the first pair stayed');
  writeFileSync(join(imageDir(cacheDir, A), 'capture.cpio'), '');
  await put(cacheDir, A);
  t.notOk(existsSync(join(imageDir(cacheDir, A), 'witness')), 'the damaged pair went');
  t.equal((await describeImage(A, { cacheDir, verify: true })).damage, undefined);
});

void t.test('keys depend on path, mode, kind and contents', async (t) => {
  const file = { kind: 'file', path: 'a', mode: 0o644, source: { from: 'kernel' } } as const;
  const base = { capture: [{ entry: file, sha256: '1' }], production: [] };
  const keys = [
    base,
    { ...base, capture: [{ entry: { ...file, path: 'b' }, sha256: '1' }] },
    { ...base, capture: [{ entry: { ...file, mode: 0o600 }, sha256: '1' }] },
    { ...base, capture: [{ entry: file, sha256: '2' }] },
    { capture: [], production: base.capture },
  ].map(imageKey);
  t.equal(new Set(keys).size, 5);
  t.equal(imageKey(base), keys[0]);
});
