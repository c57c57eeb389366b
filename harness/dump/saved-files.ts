/** A file or directory in a listing of a guest's disk. */
export interface ListedFile {
  readonly inode: number;
  readonly kind: 'file' | 'directory';
  readonly name: string;
  readonly bytes: number;
}

/** A dump on the disk of a distribution, by the name that its service gave it. */
export interface SavedFile {
  readonly inode: number;
  /** On the disk. */
  readonly path: string;
  readonly bytes: number;
  readonly finished: boolean;
}

/** Where kdump-tools and kdump-utils save dumps, each in a directory of its own. */
export const CRASH_DIRECTORY = '/var/crash';
/** More entries of one directory are not read. */
const MOST_ENTRIES = 1000;

/** kdump-tools: `202611281020`; kdump-utils: `127.0.0.1-2026-11-28-10:20:30`. */
const STAMP = /^[\w.:-]{1,128}$/;
/** kdump-tools 1:1.8.1, kdump_save_core(); kdump-utils 1.0, dracut/99kdumpbase/kdump.sh, dump_fs(). */
const FINISHED = /^(?:dump\.\d{12}|vmcore\.\d{12}|vmcore|vmcore\.flat)$/;
const UNFINISHED = /^(?:dump|vmcore)-incomplete$|^vmcore-(?:flat-)?incomplete$/;

/**
 * Reads debugfs's `ls -p` (e2fsprogs 1.47, debugfs/ls.c): `/15660/100644/0/0/dump.202611281020/43639632/`. A guest has
 * written the names: one with other characters than dumps and their directories have is left out.
 */
export function readListing(text: string): ListedFile[] {
  return text.split('\n', MOST_ENTRIES).flatMap((line) => {
    const match = /^\/(\d{1,10})\/(\d{6})\/\d+\/\d+\/([^/]{1,255})\/(\d{0,16})\/$/.exec(line);
    const [, inode, mode = '', name = '', bytes] = match ?? [];
    const kind = mode.startsWith('10') ? 'file' : mode.startsWith('04') ? 'directory' : undefined;
    if (kind === undefined || !STAMP.test(name) || /^\.\.?$/.test(name)) return [];
    return [{ inode: Number(inode), kind, name, bytes: Number(bytes ?? 0) }];
  });
}

/** The directories that may hold a dump, the newest first. */
export function crashDirectories(listed: readonly ListedFile[]): ListedFile[] {
  return listed.filter(({ kind }) => kind === 'directory').toSorted((a, b) => (a.name < b.name ? 1 : -1));
}

/** The dumps in one of these directories, finished ones first. */
export function dumpsIn(directory: string, listed: readonly ListedFile[]): SavedFile[] {
  return listed
    .filter(({ kind, name }) => kind === 'file' && (FINISHED.test(name) || UNFINISHED.test(name)))
    .map(({ inode, name, bytes }) => ({
      inode,
      bytes,
      path: `${CRASH_DIRECTORY}/${directory}/${name}`,
      finished: FINISHED.test(name),
    }))
    .toSorted((a, b) => Number(b.finished) - Number(a.finished));
}
