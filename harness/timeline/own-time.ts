import type { HostFact } from '../model/record.js';

type Threads = Extract<HostFact, { fact: 'host-time' }>['threads'];

/** A machine reports its host time several times a second; one that has not for this long is not waited for. */
const LATE_MS = 5_000;

/** The time of a guest. */
export interface OwnTime {
  /** The next `host-time` fact. */
  hostTime(atMs: number, threads: Threads): void;
  /** The guest was stopped for `forMs`, which ended at `atMs`. */
  stopped(forMs: number): void;
  /** The guest's own time at a moment of the host's, milliseconds since the machine's start. */
  at(atMs: number): number;
}

/**
 * Counts a guest's own time: that of the host, less the time in which the machine's threads could have run and got no
 * CPU, and less that in which the machine was stopped to be examined. vCPUs wait at the same time, so the thread that
 * waited longest counts, interval by interval. The time after the last fact counts as soon as the next one says what it
 * was. Without facts (another kernel configuration, an older recording) the host's time is the guest's.
 */
export function createOwnTime(): OwnTime {
  let lostMs = 0;
  let last: { readonly atMs: number; readonly threads: Threads } | undefined;
  return {
    hostTime(atMs, threads) {
      if (last !== undefined)
        lostMs += Math.min(waitedMs(last.threads, threads), Math.max(0, atMs - last.atMs));
      last = { atMs, threads };
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
