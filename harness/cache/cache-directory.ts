import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errnoOf } from '../model/errno.js';
import { type CachePlace, inCache } from './cache-fault.js';

/**
 * Directories in the cache, each named by its content. A directory is put in place, complete, by one rename and removed
 * by one rename, so any number of processes may work at once. `tmp/` holds directories that are being made or removed.
 */

/** A directory in `tmp/` this old belongs to a process that was killed. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;
/** A concurrent process may put a damaged directory back; more attempts than this are no coincidence. */
const PUBLISH_ATTEMPTS = 4;

/**
 * Runs `work` with a new directory inside the cache, so that a rename out of it is atomic, and removes the directory
 * afterwards in any case. Throws a harness Fault when the cache cannot be written.
 */
export async function withTempDir<T>(place: CachePlace, work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await inCache(place, async () => {
    const parent = await tempParent(place);
    await sweep(parent);
    return mkdtemp(join(parent, `${place.kind}-${process.pid}-`));
  });
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * Moves a finished directory from inside `withTempDir` to its place. When another process was faster, its directory is
 * kept if it is intact, and replaced otherwise. Throws a harness Fault when the cache cannot be written.
 */
export async function publish(
  place: CachePlace,
  {
    from,
    to,
    isIntact,
  }: { readonly from: string; readonly to: string; readonly isIntact: () => Promise<boolean> },
): Promise<void> {
  await inCache(place, async () => {
    await mkdir(dirname(to), { recursive: true });
    for (let attempt = 1; ; attempt += 1) {
      try {
        await rename(from, to);
        return;
      } catch (error) {
        const code = errnoOf(error);
        if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt === PUBLISH_ATTEMPTS) throw error;
      }
      if (await isIntact()) return;
      await discard(place, to);
    }
  });
}

/** Removes a directory from the cache: at once by a rename, then its bytes. Throws a harness Fault when that fails. */
export async function discard(place: CachePlace, dir: string): Promise<void> {
  await inCache(place, async () => {
    const grave = join(await tempParent(place), `removed-${randomUUID()}`);
    await rename(dir, grave).catch((error: unknown) => {
      // Another process may have removed it already.
      if (errnoOf(error) !== 'ENOENT') throw error;
    });
    await rm(grave, { recursive: true, force: true });
  });
}

/** Names in a directory of the cache; none when it does not exist. Throws a harness Fault when it cannot be read. */
export async function namesIn(place: CachePlace, ...below: readonly string[]): Promise<string[]> {
  return inCache(place, async () => {
    try {
      return await readdir(join(resolve(place.cacheDir), ...below));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  });
}

/** True for a directory or a link to one; false for everything else, inaccessible paths included. */
export async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function tempParent({ cacheDir }: CachePlace): Promise<string> {
  const parent = join(resolve(cacheDir), 'tmp');
  await mkdir(parent, { recursive: true });
  return parent;
}

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}
