import { mkdir, mkdtemp, readFile, rmdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../model/errno.js';
import { isAtLeast, leadingVersion } from '../model/version.js';
import { GUEST_DEFAULTS } from '../plan/guest-defaults.js';
import { keptGuests } from '../kept/kept-guests.js';
import type { DoctorCheck } from './check.js';

const MIB = 1024 * 1024;

const { memoryMiB: GUEST_MEMORY_MIB } = GUEST_DEFAULTS;

/** Free disk below which a folder is a warning, and below which it is a failure, bytes. */
export const DISK_WARN_BYTES = 2048 * MIB;
export const DISK_FAIL_BYTES = 300 * MIB;

const OLDEST_NODE = { major: 20, minor: 19 } as const;

/** Node is new enough; `version` like `20.19.1`. Pure. */
export function checkNode(version: string): DoctorCheck {
  const name = 'Node.js';
  const known = leadingVersion(version);
  if (known !== undefined && isAtLeast(known, OLDEST_NODE)) return { name, status: 'ok', found: version };
  const oldest = `${OLDEST_NODE.major}.${OLDEST_NODE.minor}`;
  return {
    name,
    status: 'fail',
    found: `${version}, older than ${oldest}`,
    remedy: `install Node.js ${oldest} or newer`,
  };
}

/** `MemAvailable` in the text of /proc/meminfo, MiB, or undefined (kernels before 3.14, other systems). Pure. */
export function parseMemAvailableMib(meminfo: string): number | undefined {
  const match = /^MemAvailable:\s+(\d{1,15}) kB$/m.exec(meminfo);
  return match === null ? undefined : Math.floor(Number(match[1]) / 1024);
}

/** Memory for `slots` guests at a time: fails below one guest's, warns below all. Pure. */
export function judgeMemory(availableMib: number | undefined, slots: number): DoctorCheck {
  const name = 'memory';
  const neededMib = GUEST_MEMORY_MIB * slots;
  const need = `${slots === 1 ? 'one guest needs' : `${slots} guests at a time need`} ${neededMib} MiB`;
  if (availableMib === undefined) {
    const remedy = `make sure that ${neededMib} MiB are free`;
    return { name, status: 'warn', found: '/proc/meminfo has no MemAvailable', remedy };
  }
  const found = `${availableMib} MiB available, ${need}`;
  if (availableMib < GUEST_MEMORY_MIB) {
    return { name, status: 'fail', found, remedy: 'stop other programs, or give this host more memory' };
  }
  if (availableMib >= neededMib) return { name, status: 'ok', found };
  const fitting = Math.floor(availableMib / GUEST_MEMORY_MIB);
  return {
    name,
    status: 'warn',
    found,
    remedy: `run ${fitting} guest${fitting === 1 ? '' : 's'} at a time (--jobs ${fitting}), or free memory`,
  };
}

/** Memory that is available now for `slots` guests. */
export async function checkMemory(slots: number): Promise<DoctorCheck> {
  const meminfo = await readFile('/proc/meminfo', 'latin1').catch(() => '');
  return judgeMemory(parseMemAvailableMib(meminfo), slots);
}

/** Free disk space for unprivileged users, of the folder or of its nearest ancestor that exists. */
export async function checkDisk(name: string, folder: string): Promise<DoctorCheck> {
  try {
    const { bavail, bsize } = await statfs(await nearestExisting(path.resolve(folder)));
    return judgeDisk(name, folder, bavail * bsize);
  } catch (error) {
    const found = `the free space of ${folder} is unknown (${errnoOf(error) ?? String(error)})`;
    return { name, status: 'fail', found, remedy: `name another folder, or repair ${folder}` };
  }
}

/** Compares a folder's free disk space with the two limits. Pure. */
export function judgeDisk(name: string, folder: string, freeBytes: number): DoctorCheck {
  const found = `${Math.floor(freeBytes / MIB)} MiB free in ${folder}`;
  const remedy = `free at least ${DISK_WARN_BYTES / MIB} MiB there, or name another folder`;
  if (freeBytes < DISK_FAIL_BYTES) return { name, status: 'fail', found, remedy };
  return freeBytes < DISK_WARN_BYTES
    ? { name, status: 'warn', found, remedy }
    : { name, status: 'ok', found };
}

/** A file can be created in the cache folder, which is created when absent. Leaves nothing else behind. */
export async function checkCacheWritable(cacheDir: string): Promise<DoctorCheck> {
  const name = 'cache folder';
  try {
    await mkdir(cacheDir, { recursive: true });
    await rmdir(await mkdtemp(path.join(cacheDir, '.doctor-')));
    return { name, status: 'ok', found: `${cacheDir}, writable` };
  } catch (error) {
    const found = `${cacheDir} is not writable (${errnoOf(error) ?? String(error)})`;
    const remedy = `make it writable (chown or chmod "${cacheDir}"), or name another cache folder`;
    return { name, status: 'fail', found, remedy };
  }
}

async function nearestExisting(folder: string): Promise<string> {
  try {
    await statfs(folder);
    return folder;
  } catch (error) {
    const parent = path.dirname(folder);
    if (parent === folder || errnoOf(error) !== 'ENOENT') throw error;
    return nearestExisting(parent);
  }
}

/** Guests that stay up after their runs: they take memory. */
export async function checkKeptGuests(cacheDir: string): Promise<DoctorCheck> {
  const name = 'kept guests';
  const up = await keptGuests(cacheDir);
  if (up.length === 0) return { name, status: 'ok', found: 'none is up' };
  const memoryMiB = up.reduce((sum, guest) => sum + guest.memoryMiB, 0);
  return { name, status: 'ok', found: `${up.length} up, with ${memoryMiB} MiB (crashpath attach --list)` };
}
