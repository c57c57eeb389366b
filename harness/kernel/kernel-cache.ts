import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { discard, namesIn, publish } from '../cache/cache-directory.js';
import { type CachePlace, inCache } from '../cache/cache-fault.js';
import { readJsonFile } from '../cache/kept-file.js';
import { sha256OfFile } from '../cache/sha256.js';
import { writeWhole } from '../cache/write-whole.js';
import type { Kernel } from '../model/kernel.js';
import { isRelease } from './bzimage.js';

/**
 * The kernel cache. `kernels/<id of the packages, or key of the build>/` holds one kernel: `kernel.json`, `boot/` and
 * `lib/modules/<release>/`. `refs/<suite>/<version>.json` maps an exact Debian version to its package; it is an index
 * that can be rebuilt. `tmp/` holds unfinished entries.
 */

const SHA256 = z.string().regex(/^[0-9a-f]{64}$/);
const ENTRY_FILE = 'kernel.json';
/** Directory of the versions of the host's configured suites; no suite can have this name. */
const CONFIGURED = '_';

const commonSchema = z.object({
  format: z.literal(1),
  package: z.string(),
  packageVersion: z.string(),
  release: z.string().refine(isRelease),
  bzImageSha256: SHA256,
  /** Absent in entries older than the support of 32-bit kernels: 64. */
  bits: z.union([z.literal(32), z.literal(64)]).optional(),
  hasModules: z.boolean(),
  hasConfig: z.boolean(),
});

const debEntrySchema = commonSchema.extend({
  /**
   * Of the package, a .deb or .rpm, or over those of several (packages/cache-packages.ts). In entries older than
   * `buildKey`, also the key of a built kernel.
   */
  debSha256: SHA256,
});
const builtEntrySchema = commonSchema.extend({
  /** Key of the build, over everything that decides its bytes. */
  buildKey: SHA256,
});
const entrySchema = z.union([debEntrySchema, builtEntrySchema]);

const refSchema = z.object({
  format: z.literal(1),
  /** As in the entry. */
  debSha256: SHA256,
  version: z.string(),
  package: z.string(),
  packageVersion: z.string(),
});

/** The record of a kernel in the cache: one of a package, or one that was built. */
export type CacheEntry = z.infer<typeof entrySchema>;
/** The package of an exact Debian version. */
export type CacheRef = z.infer<typeof refSchema>;

/** The kernel cache, for directories in it and for messages. */
export function kernelCache(cacheDir: string): CachePlace {
  return { kind: 'kernel', cacheDir };
}

/** The name of an entry's directory: id of its packages, or key of the build. */
export function entryId(entry: CacheEntry): string {
  return 'buildKey' in entry ? entry.buildKey : entry.debSha256;
}

/** Directory of a kernel. */
export function entryDir(cacheDir: string, id: string): string {
  return join(resolve(cacheDir), 'kernels', id);
}

/** A kernel in the cache as a `Kernel`, under the name the user asked for. */
export function kernelOfEntry(cacheDir: string, entry: CacheEntry, spec: string): Kernel {
  const dir = entryDir(cacheDir, entryId(entry));
  return {
    spec,
    release: entry.release,
    label: entry.release,
    sha256: entry.bzImageSha256,
    bits: entry.bits ?? 64,
    bzImage: join(dir, 'boot', `vmlinuz-${entry.release}`),
    modulesDir: entry.hasModules ? join(dir, 'lib', 'modules', entry.release) : undefined,
    config: entry.hasConfig ? join(dir, 'boot', `config-${entry.release}`) : undefined,
  };
}

/**
 * The entry with that id; undefined when there is none, or when its kernel image has changed (`installEntry` replaces
 * such an entry).
 */
export async function findEntry(cacheDir: string, id: string): Promise<CacheEntry | undefined> {
  const entry = await readEntry(cacheDir, id);
  if (entry === undefined) return undefined;
  const found = await sha256OfFile(kernelOfEntry(cacheDir, entry, '').bzImage).catch(() => undefined);
  return found === entry.bzImageSha256 ? entry : undefined;
}

/** All intact entries, in no particular order: reads every kernel image. An absent cache is an empty one. */
export async function listEntries(cacheDir: string): Promise<CacheEntry[]> {
  return entriesBy(cacheDir, findEntry);
}

/** All entries by their `kernel.json` alone, in no particular order: no kernel image is read or checked. */
export async function listUnverifiedEntries(cacheDir: string): Promise<CacheEntry[]> {
  return entriesBy(cacheDir, readEntry);
}

async function entriesBy(cacheDir: string, read: typeof findEntry): Promise<CacheEntry[]> {
  const names = await namesIn(kernelCache(cacheDir), 'kernels');
  const entries = await Promise.all(
    names.filter((name) => SHA256.safeParse(name).success).map((name) => read(cacheDir, name)),
  );
  return entries.filter((entry) => entry !== undefined);
}

async function readEntry(cacheDir: string, id: string): Promise<CacheEntry | undefined> {
  const entry = await readJsonFile(join(entryDir(cacheDir, id), ENTRY_FILE), entrySchema);
  return entry !== undefined && entryId(entry) === id ? entry : undefined;
}

/**
 * Puts a tree (`boot/`, `lib/modules/`), made in a directory of `withTempDir`, into the cache. When another process
 * was faster its tree is kept. Throws a harness Fault when the cache cannot be written.
 */
export async function installEntry(cacheDir: string, tree: string, entry: CacheEntry): Promise<void> {
  const place = kernelCache(cacheDir);
  const id = entryId(entry);
  await inCache(place, () => writeWhole(join(tree, ENTRY_FILE), `${JSON.stringify(entry, undefined, 2)}\n`));
  await publish(place, {
    from: tree,
    to: entryDir(cacheDir, id),
    isIntact: async () => (await findEntry(cacheDir, id)) !== undefined,
  });
}

/** Removes an entry from the cache. */
export async function removeEntry(cacheDir: string, id: string): Promise<void> {
  await discard(kernelCache(cacheDir), entryDir(cacheDir, id));
}

/** Stores the package of an exact version. `suite` is undefined for the host's configured suites. */
export async function writeRef(cacheDir: string, suite: string | undefined, ref: CacheRef): Promise<void> {
  await inCache(kernelCache(cacheDir), async () => {
    const dir = refsDir(cacheDir, suite);
    await mkdir(dir, { recursive: true });
    await writeWhole(join(dir, `${ref.version}.json`), `${JSON.stringify(ref)}\n`);
  });
}

/** All stored versions of a suite; whether the package is still in the cache, `findEntry` decides. */
export async function listRefs(cacheDir: string, suite: string | undefined): Promise<CacheRef[]> {
  const names = await namesIn(kernelCache(cacheDir), 'refs', suite ?? CONFIGURED);
  const files = names.filter((name) => name.endsWith('.json'));
  const refs = await Promise.all(
    files.map((name) => readJsonFile(join(refsDir(cacheDir, suite), name), refSchema)),
  );
  return refs.filter((ref) => ref !== undefined);
}

/** All stored versions of all suites, each with its suite. */
export async function listAllRefs(cacheDir: string): Promise<{ suite: string | undefined; ref: CacheRef }[]> {
  const names = await namesIn(kernelCache(cacheDir), 'refs');
  const found = await Promise.all(
    names.sort().map(async (name) => {
      const suite = name === CONFIGURED ? undefined : name;
      return (await listRefs(cacheDir, suite)).map((ref) => ({ suite, ref }));
    }),
  );
  return found.flat();
}

function refsDir(cacheDir: string, suite: string | undefined): string {
  return join(resolve(cacheDir), 'refs', suite ?? CONFIGURED);
}
