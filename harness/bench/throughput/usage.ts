import { readFileSync } from 'node:fs';

/** Kernel time units of /proc/PID/stat: USER_HZ, 100 on x86 whatever CONFIG_HZ is (include/asm-generic/param.h, v6.1). */
const MS_PER_TICK = 10;
/** The kernel keeps so much of a program's name (include/linux/sched.h, TASK_COMM_LEN, v6.1, less its zero). */
const COMM_LENGTH = 15;

/** CPU time of a process, user and system mode together, milliseconds. */
export interface ProcessTimes {
  readonly ownMs: number;
  /** Of its children that it has waited for, and of theirs. */
  readonly childrenMs: number;
}

/** Memory of a process, KiB. */
export interface ProcessMemory {
  readonly rssKiB: number;
  /** Each page divided by the number of processes that map it. */
  readonly pssKiB: number;
  /** Its own: of a clone, what it has written, as copies of its template's pages. */
  readonly anonymousKiB: number;
}

/** Reads /proc/PID/stat; utime, stime, cutime and cstime are its fields 14 to 17 (proc(5)). Pure. */
export function parseTimes(stat: string): ProcessTimes | undefined {
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  if (utime === undefined || stime === undefined || cutime === undefined || cstime === undefined)
    return undefined;
  const ownMs = (utime + stime) * MS_PER_TICK;
  const childrenMs = (cutime + cstime) * MS_PER_TICK;
  return Number.isFinite(ownMs) && Number.isFinite(childrenMs) ? { ownMs, childrenMs } : undefined;
}

/** Reads /proc/PID/smaps_rollup (Documentation/ABI/testing/procfs-smaps_rollup, v6.1). Pure. */
export function parseMemory(rollup: string): ProcessMemory | undefined {
  const kib = (key: string) => {
    const [, number] = new RegExp(`^${key}: +(\\d{1,15}) kB$`, 'm').exec(rollup) ?? [];
    return number === undefined ? undefined : Number(number);
  };
  const [rssKiB, pssKiB, anonymousKiB] = ['Rss', 'Pss', 'Anonymous'].map(kib);
  if (rssKiB === undefined || pssKiB === undefined || anonymousKiB === undefined) return undefined;
  return { rssKiB, pssKiB, anonymousKiB };
}

/** The most memory that a process has had, KiB: VmHWM of /proc/PID/status. Pure. */
export function parsePeak(status: string): number | undefined {
  const [, number] = /^VmHWM:\s+(\d{1,15}) kB$/m.exec(status) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** CPU time of a process now; undefined when it is gone. */
export function timesOf(pid: number | 'self'): ProcessTimes | undefined {
  return read(`/proc/${pid}/stat`, parseTimes);
}

/** Memory of a process now; undefined when it is gone. The kernel walks its page tables for it. */
export function memoryOf(pid: number): ProcessMemory | undefined {
  return read(`/proc/${pid}/smaps_rollup`, parseMemory);
}

/** The most memory that a process has had so far; undefined when it is gone. */
export function peakOf(pid: number): number | undefined {
  return read(`/proc/${pid}/status`, parsePeak);
}

/** The first descendant of a process that runs the program of that name. */
export function findProgram(pid: number, name: string): number | undefined {
  const children = read(`/proc/${pid}/task/${pid}/children`, (text) => text.split(' ').filter(Boolean)) ?? [];
  for (const child of children.map(Number)) {
    const comm = read(`/proc/${child}/comm`, (text) => text);
    const found = comm === `${name.slice(0, COMM_LENGTH)}\n` ? child : findProgram(child, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function read<T>(path: string, parse: (text: string) => T): T | undefined {
  try {
    return parse(readFileSync(path, 'latin1'));
  } catch {
    return undefined;
  }
}
