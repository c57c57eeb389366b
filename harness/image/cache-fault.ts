import { errnoOf, reasonFor } from '../model/errno.js';
import { Fault, harnessFault } from '../model/fault.js';

/**
 * Runs what reads or writes the image cache; file system errors become harness Faults that name the cache.
 * Faults and an abort's reason pass as they are.
 */
export async function inImageCache<T>(cacheDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errnoOf(error);
    if (error instanceof Fault || code === undefined) throw error;
    // mkdir -p says EEXIST, not ENOTDIR, when the last part is a file.
    const why =
      code === 'EEXIST'
        ? 'a part of the path is not a directory (EEXIST)'
        : (reasonFor(code) ?? `the file system refused (${code})`);
    throw harnessFault(
      `cannot use the image cache "${cacheDir}": ${why}; make room or set CRASHPATH_CACHE to a directory that can be written`,
      error,
    );
  }
}
