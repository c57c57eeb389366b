import { Fault, harnessFault } from '../../model/fault.js';
import { errorCode } from './error-facts.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a directory',
  EEXIST: 'a part of the path is not a directory',
};

/**
 * Runs what reads or writes the image cache; file system errors become harness Faults that name the cache.
 * Faults and an abort's reason pass as they are.
 */
export async function inImageCache<T>(cacheDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCode(error);
    if (error instanceof Fault || code === undefined) throw error;
    const why = Object.hasOwn(REASONS, code) ? REASONS[code] : 'the file system refused';
    throw harnessFault(
      `cannot use the image cache "${cacheDir}": ${why} (${code}); make room or choose a cache directory that can be written`,
      error,
    );
  }
}
