import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import type { Kernel } from '../model/kernel.js';
import { isRelease } from './bzimage.js';
import { cacheFault, inCache } from './cachefault.js';
import { errnoOf } from '../model/errno.js';
import { sha256OfFile } from './hash.js';

/**
 * The kernel cache. `kernels/<sha256 of the .deb>/` holds one extracted package: `kernel.json`, `boot/` and
 * `lib/modules/<release>/`. A directory appears there by one rename, complete, so any number of processes may
 * work at once. `refs/<suite>/<version>.json` says which package an exact Debian version is; it is an index
 * that can be lost. `tmp/` holds what is being made.
 */

const SHA256 = z.string().regex(/^[0-9a-f]{64}$/);
const ENTRY_FILE = 'kernel.json';
/** Directory for the versions of the host's configured suites; no suite can have this name. */
const CONFIGURED = '_';
/** A directory in `tmp/` this old belongs to a process that was killed. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;

const entrySchema = z.object({
  format: z.literal(1),
  debSha256: SHA256,
  package: z.string(),
  packageVersion: z.string(),
  release: z.string().refine(isRelease),
  bzImageSha256: SHA256,
  /** Absent in entries of before 32-bit kernels were taken: 64. */
  bits: z.union([z.literal(32), z.literal(64)]).optional(),
  hasModules: z.boolean(),
  hasConfig: z.boolean(),
});

const refSchema = z.object({
  format: z.literal(1),
  debSha256: SHA256,
  version: z.string(),
  package: z.string(),
  packageVersion: z.string(),
});

/** What is known about an extracted package. */
export type CacheEntry = z.infer<typeof entrySchema>;
/** Which package an exact Debian version is. */
export type CacheRef = z.infer<typeof refSchema>;

/** Directory of an extracted package. */
export function entryDir(cacheDir: string, debSha256: string): string {
  return join(resolve(cacheDir), 'kernels', debSha256);
}

/** A kernel in the cache as a `Kernel`, under the name the user asked for. */
export function kernelOfEntry(cacheDir: string, entry: CacheEntry, spec: string): Kernel {
  const dir = entryDir(cacheDir, entry.debSha256);
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
 * The extracted package with that sha256; undefined when there is none, or when its kernel image is no longer
 * what was extracted (such an entry is made anew by `installEntry`).
 */
export async function findEntry(cacheDir: string, debSha256: string): Promise<CacheEntry | undefined> {
  const entry = await readEntry(cacheDir, debSha256);
  if (entry === undefined) return undefined;
  const found = await sha256OfFile(kernelOfEntry(cacheDir, entry, '').bzImage).catch(() => undefined);
  return found === entry.bzImageSha256 ? entry : undefined;
}

/** All intact entries, in no particular order: reads every kernel image. An absent cache is an empty one. */
export async function listEntries(cacheDir: string): Promise<CacheEntry[]> {
  return entriesBy(cacheDir, findEntry);
}

/** All entries by their `kernel.json` alone, in no particular order: no kernel image is read, intact or not. */
export async function listUnverifiedEntries(cacheDir: string): Promise<CacheEntry[]> {
  return entriesBy(cacheDir, readEntry);
}

async function entriesBy(cacheDir: string, read: typeof findEntry): Promise<CacheEntry[]> {
  const names = await namesIn(join(resolve(cacheDir), 'kernels'));
  const entries = await Promise.all(
    names.filter((name) => SHA256.safeParse(name).success).map((name) => read(cacheDir, name)),
  );
  return entries.filter((entry) => entry !== undefined);
}

async function readEntry(cacheDir: string, debSha256: string): Promise<CacheEntry | undefined> {
  const entry = await readJson(join(entryDir(cacheDir, debSha256), ENTRY_FILE), entrySchema);
  return entry?.debSha256 === debSha256 ? entry : undefined;
}

/**
 * Puts an extracted tree (`boot/`, `lib/modules/`), made in a directory of `withTempDir`, into the cache. When
 * another process was faster its tree is kept. Throws a harness Fault when the cache cannot be written.
 */
export async function installEntry(cacheDir: string, tree: string, entry: CacheEntry): Promise<void> {
  const dir = entryDir(cacheDir, entry.debSha256);
  await inCache(cacheDir, async () => {
    await writeFileAtomic(join(tree, ENTRY_FILE), `${JSON.stringify(entry, undefined, 2)}\n`);
    await mkdir(join(resolve(cacheDir), 'kernels'), { recursive: true });
    if (await renameUnlessThere(tree, dir)) return;
    if ((await findEntry(cacheDir, entry.debSha256)) !== undefined) return;
    await discard(cacheDir, dir);
    await renameUnlessThere(tree, dir);
  });
}

/** Takes an entry out of the cache: at once by a rename, then its bytes. */
export async function removeEntry(cacheDir: string, debSha256: string): Promise<void> {
  await inCache(cacheDir, () => discard(cacheDir, entryDir(cacheDir, debSha256)));
}

/** Remembers which package an exact version is. `suite` is undefined for the host's configured suites. */
export async function writeRef(cacheDir: string, suite: string | undefined, ref: CacheRef): Promise<void> {
  await inCache(cacheDir, async () => {
    const dir = refsDir(cacheDir, suite);
    await mkdir(dir, { recursive: true });
    await writeFileAtomic(join(dir, `${ref.version}.json`), `${JSON.stringify(ref)}\n`);
  });
}

/** All remembered versions of a suite whose packages may still be in the cache (`findEntry` decides). */
export async function listRefs(cacheDir: string, suite: string | undefined): Promise<CacheRef[]> {
  const dir = refsDir(cacheDir, suite);
  const names = (await namesIn(dir)).filter((name) => name.endsWith('.json'));
  const refs = await Promise.all(names.map((name) => readJson(join(dir, name), refSchema)));
  return refs.filter((ref) => ref !== undefined);
}

/** All remembered versions of all suites, with the suite they belong to. */
export async function listAllRefs(cacheDir: string): Promise<{ suite: string | undefined; ref: CacheRef }[]> {
  const names = await namesIn(join(resolve(cacheDir), 'refs'));
  const found = await Promise.all(
    names.sort().map(async (name) => {
      const suite = name === CONFIGURED ? undefined : name;
      return (await listRefs(cacheDir, suite)).map((ref) => ({ suite, ref }));
    }),
  );
  return found.flat();
}

/**
 * Runs `work` with a new directory inside the cache (so that a rename into it is atomic) and removes the
 * directory afterwards, whatever happened. Throws a harness Fault when the cache cannot be written.
 */
export async function withTempDir<T>(cacheDir: string, work: (dir: string) => Promise<T>): Promise<T> {
  const parent = join(resolve(cacheDir), 'tmp');
  const dir = await inCache(cacheDir, async () => {
    await mkdir(parent, { recursive: true });
    await sweep(parent);
    return mkdtemp(join(parent, `${process.pid}-`));
  });
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function sweep(parent: string): Promise<void> {
  for (const name of await namesIn(parent)) {
    const path = join(parent, name);
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

async function renameUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

async function discard(cacheDir: string, dir: string): Promise<void> {
  const grave = join(resolve(cacheDir), 'tmp', `removed-${randomUUID()}`);
  await mkdir(join(resolve(cacheDir), 'tmp'), { recursive: true });
  try {
    await rename(dir, grave);
  } catch (error) {
    // Another process may have removed it already: that is what was wanted.
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  await rm(grave, { recursive: true, force: true });
}

function refsDir(cacheDir: string, suite: string | undefined): string {
  return join(resolve(cacheDir), 'refs', suite ?? CONFIGURED);
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw cacheFault(dir, error) ?? error;
  }
}

/** A damaged or foreign file counts as absent: everything in the cache can be made again. */
async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
