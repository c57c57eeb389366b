import { type Fault, harnessFault } from '../model/fault.js';

/** One line for a file that could not be written; the errno decides the remedy. */
export function storeFault(doing: string, path: string, error: unknown): Fault {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const [why, remedy] = REMEDIES[code] ?? [
    error instanceof Error ? error.message : String(error),
    'see the cause',
  ];
  return harnessFault(`cannot ${doing} "${path}": ${why}; ${remedy}`, error);
}

const REMEDIES: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ['the disk is full', 'free some space or choose another --out'],
  EDQUOT: ['the disk quota is used up', 'free some space or choose another --out'],
  EACCES: ['permission denied', 'choose an --out that you may write'],
  EPERM: ['permission denied', 'choose an --out that you may write'],
  EROFS: ['the file system is read-only', 'choose an --out that you may write'],
  ENOTDIR: ['a part of the path is not a directory', 'choose another --out'],
  EMFILE: ['too many open files', 'raise ulimit -n or lower --jobs'],
};
