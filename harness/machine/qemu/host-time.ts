import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { HostFact } from '../../model/record.js';

type Threads = Extract<HostFact, { fact: 'host-time' }>['threads'];

/** Often enough to tell the quarter of a second in which a kernel checks its timers; three small files each time. */
const EVERY_MS = 250;

/** A thread of QEMU: its name in the facts, and its id in Linux. */
export interface QemuThread {
  readonly thread: string;
  readonly tid: number;
}

/** Takes one report of the host time. */
export type ReportHostTime = (fact: Extract<HostFact, { fact: 'host-time' }>) => void;

/** Reports the host time of QEMU's threads. */
export interface HostTimeReporter {
  /** The vCPUs' threads are known. */
  follow(threads: readonly QemuThread[]): void;
  /** Ends the reports, after a last one. */
  stop(): void;
}

/**
 * Reports the host time of QEMU's main thread, which runs its timers and devices, and of its vCPUs' threads, four times
 * a second. A kernel without schedstat (CONFIG_SCHED_INFO) reports nothing.
 */
export function reportHostTime(
  pid: number,
  report: ReportHostTime,
  { proc = '/proc', everyMs = EVERY_MS }: { readonly proc?: string; readonly everyMs?: number } = {},
): HostTimeReporter {
  const files = new Map<number, number | undefined>();
  const room = Buffer.alloc(128);
  // Opened once: a read costs a third of that and of a close.
  const fileOf = ({ tid }: QemuThread) => {
    if (!files.has(tid)) files.set(tid, openSchedstat(`${proc}/${pid}/task/${tid}/schedstat`));
    return files.get(tid);
  };
  const reporter = pollHostTime(pid, {
    everyMs,
    read(threads) {
      const times = threads.flatMap((one) => {
        const file = fileOf(one);
        const time = file === undefined ? undefined : timesIn(file, room);
        return time === undefined ? [] : [{ thread: one.thread, ...time }];
      });
      if (times.length > 0) report({ fact: 'host-time', threads: times });
    },
  });
  return {
    follow: (threads) => reporter.follow(threads),
    stop() {
      reporter.stop();
      for (const file of files.values()) if (file !== undefined) closeSync(file);
      files.clear();
    },
  };
}

function openSchedstat(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}

/** Reads an open schedstat from its start; undefined when the task is gone (ESRCH), or the kernel does not count. */
function timesIn(file: number, room: Buffer): Omit<Threads[number], 'thread'> | undefined {
  try {
    return parseSchedstat(room.toString('latin1', 0, readSync(file, room, 0, room.length, 0)));
  } catch {
    return undefined;
  }
}

/** Calls `read` for the known threads every so often, when threads become known, and at the end. */
export function pollHostTime(
  pid: number,
  { read, everyMs = EVERY_MS }: { read: (threads: readonly QemuThread[]) => void; everyMs?: number },
): HostTimeReporter {
  let threads: QemuThread[] = [{ thread: 'main', tid: pid }];
  const timer = setInterval(() => read(threads), everyMs);
  // A run that waits for nothing else has ended.
  timer.unref();
  return {
    follow(more) {
      const known = new Set(threads.map(({ tid }) => tid));
      // Without MTTCG all vCPUs share a thread.
      for (const one of more) {
        if (!known.has(one.tid)) threads = [...threads, one];
        known.add(one.tid);
      }
      read(threads);
    },
    stop() {
      clearInterval(timer);
      read(threads);
    },
  };
}

/**
 * Time on a CPU, and time in which the task could have run and waited for a CPU, from nanoseconds to milliseconds (Linux,
 * fs/proc/base.c, proc_pid_schedstat(), v6.1). Undefined when the task is gone, or the kernel does not count: then
 * all numbers are 0.
 */
export function readSchedstat(path: string): Omit<Threads[number], 'thread'> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
  return parseSchedstat(text);
}

function parseSchedstat(text: string): Omit<Threads[number], 'thread'> | undefined {
  const [, ran, waited, slices] = /^(\d{1,19}) (\d{1,19}) (\d{1,19})/.exec(text) ?? [];
  return slices === undefined ? undefined : timesOf([ran ?? '', waited ?? '', slices]);
}

/** The three numbers of a schedstat as times; undefined where the kernel does not count. Pure. */
export function timesOf([ran, waited, slices]: readonly [ran: string, waited: string, slices: string]):
  | Omit<Threads[number], 'thread'>
  | undefined {
  if (slices === '0') return undefined;
  const ms = (nanoseconds: string) => Math.round(Number(nanoseconds) / 1e4) / 100;
  return { ranMs: ms(ran), waitedMs: ms(waited) };
}
