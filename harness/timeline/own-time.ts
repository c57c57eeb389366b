import type { HostFact } from '../model/record.js';

type Threads = Extract<HostFact, { fact: 'host-time' }>['threads'];

/** A machine reports its host time several times a second; one that has not for this long is not waited for. */
const LATE_MS = 5_000;
/** No fact for this long: crashpath itself did not run, and has not read yet what the guest did meanwhile. */
const GAP_MS = 2_000;
/** A machine that is sampled several times a second and uses no CPU at all for this long was suspended by the host. */
const SUSPENDED_MS = 2_000;

/** The time of a guest. */
export interface OwnTime {
  /** The next `host-time` fact. */
  hostTime(atMs: number, threads: Threads): void;
  /** A sample was taken: from now on the machine's main thread has something to do all the time. */
  sampled(): void;
  /** The guest was stopped for `forMs`, which ended at `atMs`. */
  stopped(forMs: number): void;
  /** The guest's own time at a moment of the host's, milliseconds since the machine's start. */
  at(atMs: number): number;
}

/**
 * Counts a guest's own time: that of the host, less the time in which the machine's threads could have run and got no
 * CPU, and less that in which the machine was stopped to be examined. vCPUs wait at the same time, so the thread that
 * waited longest counts, interval by interval. The time after the last fact counts as soon as the next one says what it
 * was. Without facts (another kernel configuration, an older recording) the host's time is the guest's. Nor does time
 * count in which the host ran nothing of the machine (SIGSTOP, a frozen cgroup), or nothing of crashpath: those show in
 * the facts as counters that stand still, and as facts that did not come.
 */
export function createOwnTime(): OwnTime {
  let lostMs = 0;
  let last: { readonly atMs: number; readonly threads: Threads } | undefined;
  let isSampled = false;
  let stillMs = 0;

  /** Of an interval in which the machine used no CPU. The first ones of a row count when the row is long enough. */
  function suspendedMs(intervalMs: number): number {
    const before = stillMs;
    stillMs += intervalMs;
    if (stillMs < SUSPENDED_MS) return 0;
    return before < SUSPENDED_MS ? stillMs : intervalMs;
  }

  return {
    hostTime(atMs, threads) {
      if (last !== undefined) {
        const intervalMs = Math.max(0, atMs - last.atMs);
        const isStill = isSampled && usesNoCpu(last.threads, threads);
        if (!isStill) stillMs = 0;
        const gapMs = intervalMs >= GAP_MS ? intervalMs : 0;
        const ofIntervalMs = Math.min(intervalMs, Math.max(gapMs, waitedMs(last.threads, threads)));
        lostMs += isStill ? Math.max(ofIntervalMs, suspendedMs(intervalMs)) : ofIntervalMs;
      }
      last = { atMs, threads };
    },
    sampled() {
      isSampled = true;
    },
    stopped(forMs) {
      lostMs += Math.max(0, forMs);
    },
    at(atMs) {
      const openMs = last === undefined ? 0 : Math.min(LATE_MS, Math.max(0, atMs - last.atMs));
      return Math.max(0, atMs - lostMs - openMs);
    },
  };
}

/** The longest that a thread waited between two facts, milliseconds. A thread of only one of them does not count. */
export function waitedMs(before: Threads, after: Threads): number {
  const earlier = new Map(before.map(({ thread, waitedMs: waited }) => [thread, waited]));
  const waits = after.map(({ thread, waitedMs: waited }) => waited - (earlier.get(thread) ?? waited));
  return Math.max(0, ...waits);
}

/**
 * How much of the time between two facts no vCPU ran or waited for a CPU, milliseconds: all of them were halted, or the
 * host held them (SIGSTOP, as cpulimit sends it several times a second; a frozen cgroup).
 */
export function heldMs(
  before: { readonly atMs: number; readonly threads: Threads },
  after: { readonly atMs: number; readonly threads: Threads },
): number {
  const isVcpu = ({ thread }: Threads[number]) => thread.startsWith('vcpu');
  const earlier = new Map(before.threads.map((each) => [each.thread, each]));
  const used = after.threads.filter(isVcpu).flatMap((each) => {
    const first = earlier.get(each.thread);
    // A thread that never ran has made numbers.
    if (first === undefined || each.ranMs <= 0) return [];
    return [each.ranMs - first.ranMs + (each.waitedMs - first.waitedMs)];
  });
  return used.length === 0 ? 0 : Math.max(0, after.atMs - before.atMs - Math.max(...used));
}

/**
 * For each fact, how much of the time since the one before the host suspended a sampled machine, or crashpath;
 * milliseconds.
 */
export function suspensions(
  facts: readonly { readonly atMs: number; readonly threads: Threads }[],
): number[] {
  const intervals = facts.map(({ atMs, threads }, index) => {
    const before = facts[index - 1];
    const forMs = before === undefined ? 0 : Math.max(0, atMs - before.atMs);
    return { forMs, isStill: before !== undefined && usesNoCpu(before.threads, threads) };
  });
  const rows: number[] = [];
  for (const [index, { forMs, isStill }] of intervals.entries()) {
    rows.push(isStill ? (rows[index - 1] ?? 0) + forMs : 0);
  }
  let row = 0;
  const suspended = intervals.map(() => 0);
  for (let index = intervals.length - 1; index >= 0; index -= 1) {
    const { forMs = 0, isStill = false } = intervals[index] ?? {};
    row = isStill ? Math.max(row, rows[index] ?? 0) : 0;
    suspended[index] = row >= SUSPENDED_MS || forMs >= GAP_MS ? forMs : 0;
  }
  return suspended;
}

/** Whether no thread of the machine ran between two facts. One that never ran has made numbers. */
function usesNoCpu(before: Threads, after: Threads): boolean {
  const earlier = new Map(before.map(({ thread, ranMs }) => [thread, ranMs]));
  return after.length > 0 && after.every(({ thread, ranMs }) => ranMs > 0 && earlier.get(thread) === ranMs);
}
