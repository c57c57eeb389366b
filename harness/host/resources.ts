import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const KIB = 1024;
/** Clock ticks per second in /proc/stat: USER_HZ, 100 on x86 (arch/x86 uses include/asm-generic/param.h, Linux 6.1). */
const TICKS = 100;

/** What this host has left, as far as its kernel tells. */
export interface HostResources {
  /** Bytes that can be used without swapping: MemAvailable, or less where a cgroup allows less. */
  readonly availableBytes: number;
  /** CPUs that this process may use at the same time: the affinity mask, or less where a cgroup has a quota. */
  readonly cores: number;
  /** CPU time that all programs of the host have used since it booted, seconds; undefined where it is not shown. */
  readonly busySeconds: number | undefined;
  /** Share of the last 10 s in which some task waited for memory (PSI), percent; 0 where the kernel does not measure it. */
  readonly memoryPressure: number;
}

/** What a process uses. */
export interface ProcessUse {
  /** Memory that is its own, and its share of what others map as well (PSS), bytes. */
  readonly bytes: number;
  /** CPU time of its threads, and the time for which they were ready and waited for a CPU, seconds. */
  readonly cpuSeconds: number;
  readonly waitSeconds: number;
}

/** Where the kernel's files are; tests give other places. */
export interface KernelFiles {
  readonly proc: string;
  readonly cgroup: string;
}

const HERE: KernelFiles = { proc: '/proc', cgroup: '/sys/fs/cgroup' };

/** Reads what this host has left. */
export function readResources({ proc, cgroup }: KernelFiles = HERE): HostResources {
  const groups = groupsOf({ proc, cgroup });
  const meminfo = text(join(proc, 'meminfo'));
  const available = KIB * Number(/^MemAvailable: +(\d+) kB$/m.exec(meminfo)?.[1] ?? 0);
  const stat = /^cpu +(.+)$/m
    .exec(text(join(proc, 'stat')))?.[1]
    ?.split(' ')
    .map(Number);
  // user nice system idle iowait irq softirq steal: all but idle and iowait (proc(5)).
  const busy = stat?.slice(0, 8).reduce((sum, ticks, at) => (at === 3 || at === 4 ? sum : sum + ticks), 0);
  const pressure = /^some avg10=([\d.]+)/m.exec(text(join(proc, 'pressure/memory')))?.[1];
  return {
    availableBytes: Math.min(available, ...groups.map(memoryLeft)),
    cores: Math.min(availableParallelism(), ...groups.map(quotaOf)),
    busySeconds: busy === undefined ? undefined : busy / TICKS,
    memoryPressure: Number(pressure ?? 0),
  };
}

/** Reads what a process uses; undefined when it is gone. Its PSS takes a walk over its page tables, some milliseconds. */
export function readProcessUse(
  pid: number,
  { proc }: Pick<KernelFiles, 'proc'> = HERE,
): ProcessUse | undefined {
  const rollup = text(join(proc, `${pid}/smaps_rollup`));
  const pss = /^Pss: +(\d+) kB$/m.exec(rollup)?.[1];
  if (pss === undefined) return undefined;
  let cpu = 0;
  let wait = 0;
  for (const thread of namesIn(join(proc, `${pid}/task`))) {
    // Nanoseconds on a CPU, and on a run queue (Documentation/scheduler/sched-stats.rst, Linux 6.1).
    const [ran = '0', waited = '0'] = text(join(proc, `${pid}/task/${thread}/schedstat`)).split(' ');
    cpu += Number(ran);
    wait += Number(waited);
  }
  return { bytes: KIB * Number(pss), cpuSeconds: cpu / 1e9, waitSeconds: wait / 1e9 };
}

/** CPU time of this process, and of its children that have ended and were waited for, seconds. */
export function readOwnSeconds({ proc }: Pick<KernelFiles, 'proc'> = HERE): number {
  const stat = text(join(proc, 'self/stat'));
  // The name in parentheses may hold anything; utime, stime, cutime and cstime are fields 14 to 17 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
}

/** Free bytes of a file system; 0 where there is none. A container's /dev/shm often has 64 MiB only. */
export function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return 0;
  }
}

/** This process's cgroup of version 2 and those above it; none where it is in none, or only in the root. */
function groupsOf({ proc, cgroup }: KernelFiles): string[] {
  const path = /^0::(\/.*)$/m.exec(text(join(proc, 'self/cgroup')))?.[1];
  const words = (path ?? '').split('/').filter((word) => word !== '' && word !== '..');
  return words.map((_, index) => join(cgroup, ...words.slice(0, index + 1))).concat(cgroup);
}

/** What a cgroup may still use: up to the limit at which it is throttled or killed, page cache not counted. */
function memoryLeft(group: string): number {
  const limits = ['memory.max', 'memory.high'].map((file) => limitIn(text(join(group, file))));
  const limit = Math.min(...limits);
  if (!Number.isFinite(limit)) return Number.POSITIVE_INFINITY;
  const current = Number(text(join(group, 'memory.current')));
  const cache = Number(/^inactive_file (\d+)$/m.exec(text(join(group, 'memory.stat')))?.[1] ?? 0);
  return Math.max(0, limit - current + cache);
}

function limitIn(content: string): number {
  const value = content.trim();
  return value === '' || value === 'max' ? Number.POSITIVE_INFINITY : Number(value);
}

/** CPUs of a cgroup's quota: `cpu.max` has microseconds of each period. */
function quotaOf(group: string): number {
  const [quota = 'max', period = '100000'] = text(join(group, 'cpu.max')).trim().split(' ');
  const cores = Number(quota) / Number(period);
  return quota === '' || Number.isNaN(cores) ? Number.POSITIVE_INFINITY : cores;
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
