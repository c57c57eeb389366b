import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { discard, namesIn, publish } from '../cache/cache-directory.js';
import { type CachePlace, inCache } from '../cache/cache-fault.js';
import { sha256Of } from '../cache/sha256.js';
import { errnoOf } from '../model/errno.js';
import { usageFault } from '../model/fault.js';
import { type ImageManifest, ImageKeySchema, type Manifest, ManifestSchema } from './manifest.js';

/** The image cache. `images/<key>/` holds one pair: `production.cpio`, `capture.cpio` and `manifest.json`. */

const MANIFEST_FILE = 'manifest.json';

export interface ImageCacheOptions {
  readonly cacheDir: string;
  /** Reads and hashes the images as well; otherwise manifest and sizes only. */
  readonly verify?: boolean | undefined;
}

/** A cached pair of images and its state. */
export interface CachedImages {
  readonly key: string;
  /** Absolute path of its folder. */
  readonly dir: string;
  /** Absent when the pair is so damaged that its manifest cannot be read. */
  readonly manifest?: Manifest | undefined;
  /** Why the pair cannot be used; absent when it can. `buildImages` replaces a damaged pair. */
  readonly damage?: string | undefined;
}

/** The image cache, for directories in it and for messages. */
export function imageCache(cacheDir: string): CachePlace {
  return { kind: 'image', cacheDir };
}

/** Folder of a pair of images. */
export function imageDir(cacheDir: string, key: string): string {
  return join(resolve(cacheDir), 'images', key);
}

/** All cached pairs, damaged ones included, in order of their key. An absent cache is an empty one. */
export async function listImages(options: ImageCacheOptions): Promise<CachedImages[]> {
  return inCache(imageCache(options.cacheDir), async () => {
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
  return inCache(imageCache(options.cacheDir), async () => {
    const found = await inspectImages(await completeKey(key, options.cacheDir), options);
    if (found === undefined) throw noSuchImages(key);
    return found;
  });
}

/**
 * Removes a pair from the cache: at once by a rename, then its bytes. `key` as for `describeImage`. A running QEMU has
 * read its image already. Returns the full key.
 */
export async function removeImage(key: string, options: ImageCacheOptions): Promise<string> {
  return inCache(imageCache(options.cacheDir), async () => {
    const full = await completeKey(key, options.cacheDir);
    await discard(imageCache(options.cacheDir), imageDir(options.cacheDir, full));
    return full;
  });
}

/** Inspects a pair; undefined when there is none. File system errors other than absence are thrown unchanged. */
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
 * Moves a finished folder of `withTempDir` into the cache. When another process was faster, its pair is kept if it is
 * intact; a damaged one is replaced. Throws a harness Fault when the cache cannot be written.
 */
export async function publishImages(tempDir: string, key: string, options: ImageCacheOptions): Promise<void> {
  await publish(imageCache(options.cacheDir), {
    from: tempDir,
    to: imageDir(options.cacheDir, key),
    isIntact: async () => {
      const present = await inspectImages(key, options);
      return present !== undefined && present.damage === undefined;
    },
  });
}

/** A manifest as the text of `manifest.json`. */
export function manifestFile(manifest: Manifest): { readonly name: string; readonly text: string } {
  return { name: MANIFEST_FILE, text: `${JSON.stringify(manifest, undefined, 2)}\n` };
}

function parseManifest(text: string): Manifest | undefined {
  try {
    return ManifestSchema.parse(JSON.parse(text));
  } catch {
    // The remedy is the same for every defect: the pair is built again.
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
  const names = await namesIn(imageCache(cacheDir), 'images');
  return names.filter((name) => ImageKeySchema.safeParse(name).success);
}

async function statOrUndefined(path: string): Promise<{ size: number } | undefined> {
  return stat(path).catch(absentAsUndefined);
}

function absentAsUndefined(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT') return undefined;
  throw error;
}
