import type { Limits } from '../model/limits.js';

/** Some 20 times what a capture kernel needs on an idle host (5 ms under TCG, measured on QEMU 7.2). */
const READ_MS_PER_MIB = { tcg: 100, kvm: 20 } as const;

/**
 * A stock kernel jumps within a second of the panic's first line, and prints its log to a serial console a second or two
 * after it has its own page tables (measured under TCG, alone): a sound crash path and a capture kernel that prints are
 * not disturbed.
 */
const SAME_FOR_ALL = {
  askAgainMs: 5_000,
  // Drivers may wait for their devices first: a cache's flush has 60 s (drivers/scsi/sd.h, SD_FLUSH_TIMEOUT, v6.1).
  powerOffMs: 120_000,
  silentMs: 20_000,
} as const;

/**
 * Deadlines for one run, in the guest's own time: they need no reserve for a busy host. Under TCG a full cycle of a
 * stock kernel takes 10 to 16 s alone on an idle core (measured, QEMU 7.2); the deadlines are several times that, because
 * hosts differ in speed. The backstop counts the host's time. It is twice the sum of the rungs' usual deadlines, so that
 * a host that gives a guest half of its time ends no run. `readMiB` is the memory that the capture kernel reads, `dumpMs`
 * the time that it has for writing a dump. `scale` stretches them all.
 */
export function limitsFor(
  accel: 'kvm' | 'tcg',
  options: {
    scale: number;
    watchMs?: number | undefined;
    readMiB?: number | undefined;
    dumpMs?: number | undefined;
  },
): Limits {
  const base: Limits =
    accel === 'tcg'
      ? {
          qemuStartMs: 20_000,
          bootMs: 180_000,
          replyMs: 30_000,
          armMs: 90_000,
          watchMs: 8_000,
          crashPathMs: 90_000,
          captureBootMs: 180_000,
          captureReportMs: 90_000,
          haltedHangMs: 4_000,
          quietMs: 30_000,
          ...SAME_FOR_ALL,
          totalMs: 1_200_000,
          channelBytes: 8 * 1024 * 1024,
        }
      : {
          qemuStartMs: 20_000,
          bootMs: 60_000,
          replyMs: 10_000,
          armMs: 30_000,
          watchMs: 4_000,
          crashPathMs: 30_000,
          captureBootMs: 60_000,
          captureReportMs: 30_000,
          haltedHangMs: 3_000,
          quietMs: 30_000,
          ...SAME_FOR_ALL,
          totalMs: 600_000,
          channelBytes: 8 * 1024 * 1024,
        };
  const readMs = (options.readMiB ?? 0) * READ_MS_PER_MIB[accel] + (options.dumpMs ?? 0);
  const scaled = (limitMs: number) => Math.round(limitMs * options.scale);
  return {
    qemuStartMs: scaled(base.qemuStartMs),
    bootMs: scaled(base.bootMs),
    replyMs: scaled(base.replyMs),
    armMs: scaled(base.armMs),
    watchMs: scaled(options.watchMs ?? base.watchMs),
    crashPathMs: scaled(base.crashPathMs),
    captureBootMs: scaled(base.captureBootMs),
    captureReportMs: scaled(base.captureReportMs + readMs),
    haltedHangMs: scaled(base.haltedHangMs),
    quietMs: scaled(base.quietMs),
    askAgainMs: scaled(base.askAgainMs),
    powerOffMs: scaled(base.powerOffMs),
    silentMs: scaled(base.silentMs),
    totalMs: scaled(base.totalMs + readMs),
    channelBytes: base.channelBytes,
  };
}
