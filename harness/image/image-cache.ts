import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import { inImageCache } from './cache-fault.js';
import { sha256Of } from './contents.js';
import { errnoOf } from '../model/errno.js';
import { type ImageManifest, ImageKeySchema, type Manifest, ManifestSchema } from './manifest.js';

/**
 * The image cache. `images/<key>/` holds one pair: `production.cpio`, `capture.cpio` and `manifest.json`. A folder
 * appears there by one rename, complete, so any number of processes may work at once. `tmp/` holds what is being
 * made or thrown away.
 */

const MANIFEST_FILE = 'manifest.json';
/** A folder in `tmp/` this old belongs to a process that was killed. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;
/** Another process may put a damaged pair back as often as we throw one out; more than this is not chance. */
const PUBLISH_ATTEMPTS = 4;

export interface ImageCacheOptions {
  readonly cacheDir: string;
  /** Reads and hashes the images as well; otherwise manifest and sizes only. */
  readonly verify?: boolean | undefined;
}

/** A cached pair of images as it was found. */
export interface CachedImages {
  readonly key: string;
  /** Absolute path of its folder. */
  readonly dir: string;
  /** Absent when the pair is so damaged that its manifest cannot be read. */
  readonly manifest?: Manifest | undefined;
  /** Why the pair cannot be used; absent when it can. `buildImages` replaces a damaged pair. */
  readonly damage?: string | undefined;
}

/** Folder of a pair of images. */
export function imageDir(cacheDir: string, key: string): string {
  return join(resolve(cacheDir), 'images', key);
}

/** All cached pairs, damaged ones included, in order of their key. An absent cache is an empty one. */
export async function listImages(options: ImageCacheOptions): Promise<CachedImages[]> {
  return inImageCache(options.cacheDir, async () => {
    const keys = (await imageKeys(options.cacheDir)).sort();
    const found = await Promise.all(keys.map((key) => inspectImages(key, options)));
    return found.filter((images) => images !== undefined);
  });
}

/**
 * One cached pair. `key` may be shortened to four or more digits that name one pair only.
 * Throws a usage Fault when there is no such pair, or more than one.
 */
export async function describeImage(key: string, options: ImageCacheOptions): Promise<CachedImages> {
  return inImageCache(options.cacheDir, async () => {
    const found = await inspectImages(await completeKey(key, options.cacheDir), options);
    if (found === undefined) throw noSuchImages(key);
    return found;
  });
}

/**
 * Takes a pair out of the cache: at once by a rename, then its bytes. `key` as for `describeImage`. A QEMU that
 * has started has read its image already. Returns the full key.
 */
export async function removeImage(key: string, options: ImageCacheOptions): Promise<string> {
  return inImageCache(options.cacheDir, async () => {
    const full = await completeKey(key, options.cacheDir);
    await discard(options.cacheDir, imageDir(options.cacheDir, full));
    return full;
  });
}

/** Looks at a pair; undefined when there is none. File system errors other than absence pass unchanged. */
export async function inspectImages(
  key: string,
  options: ImageCacheOptions,
): Promise<CachedImages | undefined> {
  const dir = imageDir(options.cacheDir, key);
  if ((await statOrUndefined(dir)) === undefined) return undefined;
  const text = await readFile(join(dir, MANIFEST_FILE), 'utf8').catch(absentAsUndefined);
  if (text === undefined) return { key, dir, damage: 'manifest.json is missing' };
  const manifest = parseManifest(text);
  if (manifest === undefined) return { key, dir, damage: 'manifest.json is not a manifest of this version' };
  if (manifest.key !== key) return { key, dir, manifest, damage: `manifest.json is that of ${manifest.key}` };
  for (const image of [manifest.images.production, manifest.images.capture]) {
    const damage = await imageDamage(dir, image, options.verify === true);
    if (damage !== undefined) return { key, dir, manifest, damage };
  }
  return { key, dir, manifest };
}

/**
 * Moves a finished folder of `withTempDir` into the cache. When another process was faster its pair is kept, if
 * it is intact; a damaged one is replaced. File system errors pass unchanged.
 */
export async function publishImages(tempDir: string, key: string, options: ImageCacheOptions): Promise<void> {
  const dir = imageDir(options.cacheDir, key);
  await mkdir(join(resolve(options.cacheDir), 'images'), { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await rename(tempDir, dir);
      return;
    } catch (error) {
      const code = errnoOf(error);
      if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt === PUBLISH_ATTEMPTS) throw error;
    }
    const present = await inspectImages(key, options);
    if (present !== undefined && present.damage === undefined) return;
    await discard(options.cacheDir, dir);
  }
}

/**
 * Runs `work` with a new folder inside the cache, so that a rename out of it is atomic, and removes the folder
 * afterwards, whatever happened.
 */
export async function withTempDir<T>(cacheDir: string, work: (dir: string) => Promise<T>): Promise<T> {
  const parent = await tempParent(cacheDir);
  await sweep(parent);
  const dir = await mkdtemp(join(parent, `image-${process.pid}-`));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A manifest as the text of `manifest.json`. */
export function manifestFile(manifest: Manifest): { readonly name: string; readonly text: string } {
  return { name: MANIFEST_FILE, text: `${JSON.stringify(manifest, undefined, 2)}\n` };
}

function parseManifest(text: string): Manifest | undefined {
  try {
    return ManifestSchema.parse(JSON.parse(text));
  } catch {
    // Whatever is wrong with it, the remedy is the same: the pair is made anew.
    return undefined;
  }
}

async function imageDamage(dir: string, image: ImageManifest, verify: boolean): Promise<string | undefined> {
  const path = join(dir, image.file);
  const size = (await statOrUndefined(path))?.size;
  if (size === undefined) return `${image.file} is missing`;
  if (size !== image.bytes) return `${image.file} has ${size} bytes, its manifest says ${image.bytes}`;
  if (!verify) return undefined;
  const bytes = await readFile(path).catch(absentAsUndefined);
  if (bytes === undefined) return `${image.file} is missing`;
  return sha256Of(bytes) === image.sha256 ? undefined : `${image.file} differs from its sha256`;
}

async function completeKey(key: string, cacheDir: string): Promise<string> {
  if (!/^[0-9a-f]{4,32}$/.test(key)) throw noSuchImages(key.slice(0, 80));
  const matches = (await imageKeys(cacheDir)).filter((candidate) => candidate.startsWith(key));
  const [only] = matches;
  if (only === undefined) throw noSuchImages(key);
  if (matches.length === 1) return only;
  throw usageFault(
    `cannot find images "${key}": ${matches.length} keys begin so; give more digits of the key`,
  );
}

function noSuchImages(key: string): Error {
  return usageFault(
    `cannot find images "${key}": no such key in the cache; list the cached images to see their keys`,
  );
}

async function imageKeys(cacheDir: string): Promise<string[]> {
  const names = await readdir(join(resolve(cacheDir), 'images')).catch(absentAsUndefined);
  return (names ?? []).filter((name) => ImageKeySchema.safeParse(name).success);
}

async function discard(cacheDir: string, dir: string): Promise<void> {
  const grave = join(await tempParent(cacheDir), `removed-${randomUUID()}`);
  // Another process may have removed it already: that is what was wanted.
  await rename(dir, grave).catch(absentAsUndefined);
  await rm(grave, { recursive: true, force: true });
}

async function tempParent(cacheDir: string): Promise<string> {
  const parent = join(resolve(cacheDir), 'tmp');
  await mkdir(parent, { recursive: true });
  return parent;
}

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const age = Date.now() - ((await statOrUndefined(path))?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

async function statOrUndefined(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  return stat(path).catch(absentAsUndefined);
}

function absentAsUndefined(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT') return undefined;
  throw error;
}
