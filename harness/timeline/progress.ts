import type { EventType, Progress, VcpuState } from '../model/event.js';
import type { Channel } from '../model/record.js';

/** A report's registers and stack follow within this time of the guest's. */
const REPORT_MS = 3_000;
/** Bytes behind an unfinished line that is older than this are news, though no line is complete. */
const PARTIAL_LINE_MS = 1_000;
const CR = 0x0d;
const LF = 0x0a;

/** The stretch that counts is at most this part of a deadline: progress right after its start is none at its end. */
const QUIET_PART = 3;

/** Code is told apart by pieces of this size: a loop has a few of them, a booting kernel new ones all the time. */
const PIECE_BITS = 6n;
/** Processes start at random pages, so that user mode shows only offsets in a page. */
const PAGE_MASK = 0xfffn;

/**
 * So many samples of a stretch, and this part of them, must show new code. The timer interrupts of a vCPU that loops or
 * idles are new code as well, in about one sample in a hundred.
 */
const NEW_CODE_SAMPLES = 5;
const NEW_CODE_PART = 0.05;
/**
 * Where samples come once every few seconds, this part of them, and two at least: of six samples of an idle vCPU, two
 * show new code in one stretch of 700.
 */
const NEW_CODE_PART_OF_FEW = 0.25;
const NEW_CODE_LEAST = 2;
/** Where a short stretch has fewer samples than this, older ones count as well, up to this age. */
const FEWEST_SAMPLES = 6;
const OLDEST_MS = 30_000;

/** A vCPU that was seen for this long with interrupts off in the first kernel, in every sample, does not live on. */
const STUCK_MS = 4_000;
/** And so often: any vCPU may have its interrupts off in two samples. */
const STUCK_SAMPLES = 4;

/** Follows what a guest does. Times are in the guest's own time. */
export interface ProgressTracker {
  /**
   * A line of the console is complete. `isComplaint`: a watchdog reports that something does not proceed, from an interrupt or
   * another task, so that it shows no progress of what is stuck.
   */
  consoleLine(text: string, ownMs: number, line: { readonly isComplaint: boolean }): void;
  /** A line of the control channel is complete. */
  controlLine(type: EventType, ownMs: number): void;
  /** The guest sent bytes on a channel; the lines that they complete are reported before. */
  heard(channel: Channel, bytes: Buffer, ownMs: number): void;
  /** A sample of all vCPUs, after firing. */
  sample(vcpus: readonly VcpuState[], ownMs: number): void;
  /** What the guest has done when a deadline of `limitMs` passes. */
  at(now: { readonly ownMs: number; readonly wallMs: number }, limitMs: number): Progress;
  /** Whether the latest sample shows a vCPU that takes interrupts; true without samples. */
  readonly takesInterrupts: boolean;
  /** vCPUs that the latest samples show running in the first kernel with interrupts off. */
  readonly offStreaks: readonly OffStreak[];
}

/** Samples in a row that show a vCPU in the first kernel with interrupts off. */
export interface OffStreak {
  readonly index: number;
  /** The first of them, in the guest's own time. */
  readonly sinceMs: number;
  readonly samples: number;
}

/** Whether a streak is too short to tell if the vCPU is stuck: two samples with interrupts off show any vCPU. */
export function isOpen({ samples }: OffStreak): boolean {
  return samples < STUCK_SAMPLES;
}

/** A tracker for one run; `longestMs`: {@link Progress.quietMs} of long deadlines. Pure. */
export function createProgressTracker(longestMs: number): ProgressTracker {
  let talked: { ownMs: number; channel: Channel } | undefined;
  const lineSinceMs: Partial<Record<Channel, number>> = {};
  let reportUntilMs = Number.NEGATIVE_INFINITY;
  const known = new Set<string>();
  let stretch: { readonly ownMs: number; readonly isNew: boolean }[] = [];
  let lastCode: Progress['lastCode'];
  let latest: readonly VcpuState[] = [];
  let off: readonly OffStreak[] = [];

  function talk(channel: Channel, ownMs: number): void {
    if (channel === 'control' || ownMs >= reportUntilMs) talked = { ownMs, channel };
  }

  return {
    consoleLine(text, ownMs, { isComplaint }) {
      delete lineSinceMs.console;
      if (isComplaint) reportUntilMs = ownMs + REPORT_MS;
      else if (!isBlank(text)) talk('console', ownMs);
    },
    controlLine(type, ownMs) {
      delete lineSinceMs.control;
      // The host asks a guest that seems dead whether it lives: its answer alone is no progress.
      if (type !== 'reply') talk('control', ownMs);
    },
    heard(channel, bytes, ownMs) {
      const last = bytes.at(-1);
      if (last === undefined) return;
      if (last === CR || last === LF) {
        delete lineSinceMs[channel];
        return;
      }
      const sinceMs = (lineSinceMs[channel] ??= ownMs);
      if (ownMs - sinceMs >= PARTIAL_LINE_MS) talk(channel, ownMs);
    },
    sample(vcpus, ownMs) {
      latest = vcpus;
      let isNew = false;
      for (const { place, rip } of vcpus) {
        const piece = pieceOf(place, rip);
        if (known.has(piece)) continue;
        known.add(piece);
        if (ownMs < reportUntilMs) continue;
        isNew = true;
        lastCode = { place, rip };
      }
      stretch.push({ ownMs, isNew });
      // Half of them at a time: shifting each would cost more than counting.
      if (stretch.length > 64 && (stretch[stretch.length >> 1]?.ownMs ?? 0) < ownMs - longestMs) {
        stretch = stretch.slice(stretch.length >> 1);
      }
      off = vcpus
        .filter((vcpu) => vcpu.place === 'first-kernel' && !vcpu.halted && !vcpu.interruptsOn)
        .map(({ index }) => {
          const before = off.find((streak) => streak.index === index) ?? { sinceMs: ownMs, samples: 0 };
          return { index, sinceMs: before.sinceMs, samples: before.samples + 1 };
        });
    },
    at({ ownMs, wallMs }, limitMs) {
      const quietMs = Math.min(longestMs, limitMs / QUIET_PART);
      const since = (ageMs: number) => stretch.filter((sample) => sample.ownMs >= ownMs - ageMs);
      const inTime = since(quietMs);
      const older = since(Math.max(quietMs, Math.min(OLDEST_MS, limitMs)));
      const recent = inTime.length < FEWEST_SAMPLES ? older.slice(-FEWEST_SAMPLES) : inTime;
      return {
        ownMs,
        wallMs,
        ...(talked === undefined
          ? {}
          : { silentMs: Math.max(0, ownMs - talked.ownMs), channel: talked.channel }),
        quietMs,
        samples: recent.length,
        newCode: recent.filter(({ isNew }) => isNew).length,
        ...(lastCode === undefined ? {} : { lastCode }),
        stuckVcpus: off
          .filter((streak) => ownMs - streak.sinceMs >= STUCK_MS && !isOpen(streak))
          .map(({ index }) => index),
      };
    },
    get offStreaks() {
      return off;
    },
    get takesInterrupts() {
      return latest.length === 0 || latest.some(({ interruptsOn }) => interruptsOn);
    },
  };
}

/** Whether the guest did something new in the latest stretch. */
export function makesProgress(progress: Progress): boolean {
  return talks(progress) || executesNewCode(progress);
}

/** Whether it sent something. */
export function talks({ silentMs, quietMs }: Progress): boolean {
  return silentMs !== undefined && silentMs < quietMs;
}

/** Whether enough samples of the last stretch show code that none before had shown. */
export function executesNewCode({ newCode, samples }: Progress): boolean {
  const few = Math.max(NEW_CODE_LEAST, samples * NEW_CODE_PART_OF_FEW);
  return newCode >= Math.min(NEW_CODE_SAMPLES, few) && newCode >= samples * NEW_CODE_PART;
}

const SPACE = 0x20;

function isBlank(text: string): boolean {
  return !(text.charCodeAt(0) > SPACE) && text.trim() === '';
}

function pieceOf(place: VcpuState['place'], rip: string): string {
  const address = BigInt(`0x${rip}`);
  return `${place} ${((place === 'user' ? address & PAGE_MASK : address) >> PIECE_BITS).toString(16)}`;
}
