import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { type Fault, harnessFault } from '../model/fault.js';

/** Remedies by errno; for every other one, another directory. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space or choose another --out',
  EDQUOT: 'free some space or choose another --out',
  EMFILE: 'raise ulimit -n or lower --jobs',
};

/** The fault for a file that could not be written; the errno decides the remedy. */
export function storeFault(doing: string, path: string, error: unknown): Fault {
  const code = errnoOf(error);
  // mkdir -p fails with EEXIST, not ENOTDIR, when the last part is a file.
  const why = code === 'EEXIST' ? 'it is not a directory (EEXIST)' : (reasonFor(code) ?? messageOf(error));
  const remedy = REMEDIES[code ?? ''] ?? 'choose an --out that you may write';
  return harnessFault(`cannot ${doing} "${path}": ${why}; ${remedy}`, error);
}
