import { type Fault, harnessFault } from '../model/fault.js';
import { errnoOf } from './errno.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a directory',
};

/** What the C library prints for those codes, as found in other programs' messages. */
const TEXTS: readonly (readonly [text: string, code: string])[] = [
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['Permission denied', 'EACCES'],
  ['Read-only file system', 'EROFS'],
];

/** The harness Fault for a cache that cannot be written; undefined when the error is of another kind. */
export function cacheFault(cacheDir: string, error: unknown): Fault | undefined {
  const code = errnoOf(error);
  const why = Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
  return why === undefined ? undefined : faultFor(cacheDir, `${why} (${code})`, error);
}

/** The same, judged by what a program (apt-get, dpkg-deb, tar) wrote to stderr. */
export function cacheFaultInText(cacheDir: string, stderr: string): Fault | undefined {
  // apt warns about host files that an ordinary user cannot read: that says nothing about the cache.
  const errors = stderr.replace(/^W:.*$/gm, '');
  const code = TEXTS.find(([text]) => errors.includes(text))?.[1];
  return code === undefined ? undefined : faultFor(cacheDir, `${REASONS[code]} (${code})`, undefined);
}

/** Runs what writes to the cache; its file system errors become cache Faults. */
export async function inCache<T>(cacheDir: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw cacheFault(cacheDir, error) ?? error;
  }
}

function faultFor(cacheDir: string, why: string, cause: unknown): Fault {
  return harnessFault(
    `cannot write the kernel cache "${cacheDir}": ${why}; make room or set CRASHPATH_CACHE to a directory that can be written`,
    cause,
  );
}
