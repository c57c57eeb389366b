import { errnoInText, errnoOf, reasonFor } from '../model/errno.js';
import { Fault, harnessFault } from '../model/fault.js';

/** A kind of thing in the cache directory. `images/`, `kernels/`, `bundles/` and `tmp/` are below `cacheDir`. */
export interface CachePlace {
  /** For messages: `the kernel cache "/home/me/.cache/crashpath"`. */
  readonly kind: 'kernel' | 'image' | 'bundle' | 'distribution';
  readonly cacheDir: string;
}

/**
 * Runs work that reads or writes the cache; file system errors become harness Faults that name the cache. Faults, an
 * abort's reason and ENOENT are thrown unchanged: a missing file is no defect of the disk.
 */
export async function inCache<T>(place: CachePlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errnoOf(error);
    if (error instanceof Fault || code === undefined || code === 'ENOENT') throw error;
    throw faultFor(place, code, error);
  }
}

/** The same from a program's stderr (apt-get, dpkg-deb, tar); undefined when that names no error of a disk. */
export function cacheFaultInText(place: CachePlace, stderr: string): Fault | undefined {
  // apt warns about host files that an ordinary user cannot read: these are not in the cache.
  const code = errnoInText(stderr.replace(/^W:.*$/gm, ''));
  return code === undefined ? undefined : faultFor(place, code, undefined);
}

function faultFor({ kind, cacheDir }: CachePlace, code: string, cause: unknown): Fault {
  // mkdir -p fails with EEXIST, not ENOTDIR, when the last part is a file.
  const why =
    code === 'EEXIST'
      ? 'a part of the path is not a directory (EEXIST)'
      : (reasonFor(code) ?? `the file system refused (${code})`);
  return harnessFault(
    `cannot use the ${kind} cache "${cacheDir}": ${why}; make room or set CRASHPATH_CACHE to a directory that can be written`,
    cause,
  );
}
