import { z } from 'zod';

/**
 * Deadlines of one run, milliseconds. Each names what it bounds. They count the guest's own time (timeline/own-time.ts),
 * except `qemuStartMs` and `totalMs`, which count the host's.
 */
export const LimitsSchema = z.object({
  /** QEMU start to QMP greeting. */
  qemuStartMs: z.number(),
  /** QEMU start to the hello of the first kernel's init. */
  bootMs: z.number(),
  /** Any one control command that the guest should answer. */
  replyMs: z.number(),
  /** kexec -p, from request to answer. */
  armMs: z.number(),
  /** Firing to the first sign of a panic; then the guest is asked whether it is alive. */
  watchMs: z.number(),
  /** First sign of a panic to the first sign of the capture kernel. */
  crashPathMs: z.number(),
  /** Capture kernel's first sign to its userspace. */
  captureBootMs: z.number(),
  /** Capture userspace to the end of its report. */
  captureReportMs: z.number(),
  /** All vCPUs halted with interrupts off for this long is a proved hang. */
  haltedHangMs: z.number(),
  /**
   * A guest that has shown nothing new for this long, or for a third of the deadline that passed, makes no progress; see
   * timeline/progress.ts.
   */
  quietMs: z.number().default(30_000),
  /** A guest that printed the first line of a panic is asked this often whether it lives; see run/follow-guest.ts. */
  askAgainMs: z.number().default(5_000),
  /** The capture kernel's report to its power-off. */
  powerOffMs: z.number().default(60_000),
  /** Silence of a capture kernel until its log is read from memory; see run/silent-capture.ts. */
  silentMs: z.number().default(20_000),
  /** The whole run, in any case: the backstop. */
  totalMs: z.number(),
  /** Bytes per channel. */
  channelBytes: z.number(),
});

export type Limits = z.infer<typeof LimitsSchema>;
