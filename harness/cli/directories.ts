import { statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { harnessFault, usageFault } from '../model/fault.js';

/** statfs(2): `f_type` of procfs (linux/magic.h, PROC_SUPER_MAGIC). */
const PROC_SUPER_MAGIC = 0x9fa0;

/**
 * `$CRASHPATH_CACHE`, else `$XDG_CACHE_HOME/crashpath`, else `~/.cache/crashpath`. Throws a harness fault when that
 * lies in /proc.
 */
export function cacheDirectory(): string {
  const { CRASHPATH_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  const base = xdg !== undefined && xdg !== '' ? resolve(xdg) : join(homedir(), '.cache');
  const directory = own !== undefined && own !== '' ? resolve(own) : join(base, 'crashpath');
  if (!isInProc(directory)) return directory;
  throw harnessFault(
    `cannot use the cache "${directory}": no directory can be made in /proc; set CRASHPATH_CACHE to one on a disk`,
  );
}

/** Absolute path of `--out`. Throws a usage fault when it lies in /proc. */
export function outDirectory(out: string): string {
  const directory = resolve(out);
  if (!isInProc(directory)) return directory;
  throw usageFault(
    `cannot use the output directory "${directory}": no directory can be made in /proc; choose another --out`,
  );
}

/**
 * Whether a path, or its nearest existing ancestor, is in procfs. Node's recursive mkdir never returns there, and
 * blocks the exit: procfs fails with ENOENT although the parent exists (seen with Node 20).
 */
function isInProc(path: string): boolean {
  for (let place = path; ; place = dirname(place)) {
    try {
      return statfsSync(place).type === PROC_SUPER_MAGIC;
    } catch {
      if (place === dirname(place)) return false;
    }
  }
}
