import { errnoInText, errnoOf, reasonFor } from '../model/errno.js';
import { type Fault, harnessFault } from '../model/fault.js';

/** What makes a cache unwritable; other errors (a missing file, say) mean something of their own to the caller. */
const UNWRITABLE: ReadonlySet<string | undefined> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
]);

/** The harness Fault for a cache that cannot be written; undefined when the error is of another kind. */
export function cacheFault(cacheDir: string, error: unknown): Fault | undefined {
  return faultFor(cacheDir, errnoOf(error), error);
}

/** The same, judged by what a program (apt-get, dpkg-deb, tar) wrote to stderr. */
export function cacheFaultInText(cacheDir: string, stderr: string): Fault | undefined {
  // apt warns about host files that an ordinary user cannot read: that says nothing about the cache.
  return faultFor(cacheDir, errnoInText(stderr.replace(/^W:.*$/gm, '')), undefined);
}

/** Runs what writes to the cache; its file system errors become cache Faults. */
export async function inCache<T>(cacheDir: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw cacheFault(cacheDir, error) ?? error;
  }
}

function faultFor(cacheDir: string, code: string | undefined, cause: unknown): Fault | undefined {
  const why = reasonFor(code);
  if (why === undefined || !UNWRITABLE.has(code)) return undefined;
  return harnessFault(
    `cannot write the kernel cache "${cacheDir}": ${why}; make room or set CRASHPATH_CACHE to a directory that can be written`,
    cause,
  );
}
