import { foldLine } from './escape.js';

/** Explanations of the file system errors that a user can act on. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  EEXIST: 'something of that name is there already',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the path is too long',
  EMFILE: 'too many open files',
  EIO: 'the disk reports an error',
};

/** What the C library prints for some of those codes, as found in other programs' messages. */
const TEXTS: readonly (readonly [text: string, code: string])[] = [
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['Permission denied', 'EACCES'],
  ['Read-only file system', 'EROFS'],
];

/** The code of a system error (`ENOENT`); undefined for everything else, Node's own `ERR_...` codes included. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** The code whose text another program printed; undefined when it printed none that concerns a disk. */
export function errnoInText(text: string): string | undefined {
  return TEXTS.find(([words]) => text.includes(words))?.[1];
}

/** `the disk is full (ENOSPC)`; undefined for a code that a user cannot act on. */
export function reasonFor(code: string | undefined): string | undefined {
  if (code === undefined || !Object.hasOwn(REASONS, code)) return undefined;
  return `${REASONS[code]} (${code})`;
}

/** An error's message, on one line of at most 200 characters; execa's short form where there is one. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return foldLine(String(error));
  const short =
    'shortMessage' in error && typeof error.shortMessage === 'string' ? error.shortMessage : undefined;
  return foldLine(short ?? error.message);
}
