import type { EventBody, EventSource, NotStopped, RunEvent, VcpuState } from '../model/event.js';

/** A vCPU that the shootdown reaches this late, milliseconds after the capture kernel's start, was not stopped in time. */
const GRACE_MS = 1_000;
/** A sample or two may show a stopped vCPU awake: an NMI that arrives later ends its `hlt` for a moment. */
const MIN_SAMPLES = 3;
const MIN_MS = 1_000;

/** Looks for vCPUs that still run the crashed kernel while the capture kernel runs. */
export interface StoppedCpus {
  note(body: EventBody): void;
  sample(vcpus: readonly VcpuState[], at: { readonly atMs: number; readonly line: number }): void;
  /**
   * One event for each such vCPU, at the end of the recording, and one if the samples of the time of a capture kernel that
   * reported are too few to find any: on a slow host they come once every few seconds.
   */
  finish(): RunEvent[];
}

/** The samples that show a vCPU in the crashed kernel. */
interface Seen {
  readonly sinceMs: number;
  samples: number;
  readonly addresses: Set<string>;
  last: VcpuState;
  lastAt: { readonly atMs: number; readonly at: EventSource };
  stoppedLater: boolean;
}

/**
 * A vCPU is stopped when it is halted with interrupts off; it is elsewhere when it is in the capture kernel, or in
 * firmware (never started). Page tables tell which kernel it is in. A CPU that was offline at firing waits with
 * interrupts off, too, but not in `hlt` where the CPU has MWAIT (arch/x86/kernel/smpboot.c, mwait_play_dead(), v6.1).
 */
export function createStoppedCpus(): StoppedCpus {
  let startedMs: number | undefined;
  let watchedSinceMs: number | undefined;
  let online: readonly number[] | undefined;
  let hasVmcore = false;
  const watched = { samples: 0, forMs: 0 };
  let lastSeen: { readonly atMs: number; readonly at: EventSource } | undefined;
  const inCapture = new Set<number>();
  const seen = new Map<number, Seen>();
  const isOffline = (vcpu: VcpuState) => online?.includes(vcpu.index) === false && !vcpu.interruptsOn;
  return {
    note(body) {
      if (body.type === 'firing' || body.type === 'reply') online = body.online ?? online;
      if (body.type === 'vmcore') hasVmcore = true;
    },
    sample(vcpus, { atMs, line }) {
      for (const { index, place } of vcpus) if (place === 'capture-kernel') inCapture.add(index);
      if (inCapture.size > 0) startedMs ??= atMs;
      if (startedMs === undefined) return;
      lastSeen = { atMs, at: { source: 'samples', line } };
      if (atMs < startedMs + GRACE_MS) return;
      watchedSinceMs ??= atMs;
      watched.samples += 1;
      watched.forMs = atMs - watchedSinceMs;
      for (const vcpu of vcpus) {
        const known = seen.get(vcpu.index);
        const crashed = vcpu.place === 'first-kernel' || vcpu.place === 'user';
        const stopped = vcpu.halted && !vcpu.interruptsOn;
        if (!crashed || stopped || isOffline(vcpu)) {
          if (known !== undefined) known.stoppedLater = true;
          continue;
        }
        const lastAt = { atMs, at: { source: 'samples', line } as const };
        if (known === undefined) {
          const addresses = new Set([vcpu.rip]);
          const counts = { sinceMs: atMs, samples: 1, addresses, stoppedLater: false };
          seen.set(vcpu.index, { ...counts, last: vcpu, lastAt });
        } else {
          known.samples += 1;
          known.addresses.add(vcpu.rip);
          Object.assign(known, { last: vcpu, lastAt, stoppedLater: false });
        }
      }
    },
    finish() {
      const isEnough = watched.samples >= MIN_SAMPLES && watched.forMs >= MIN_MS;
      const unwatched: RunEvent[] =
        lastSeen === undefined || isEnough || !hasVmcore
          ? []
          : [{ ...lastSeen, type: 'cpus-unwatched', ...watched }];
      const running = [...seen.values()].flatMap(
        ({ sinceMs, samples, addresses, last, lastAt, stoppedLater }): RunEvent[] => {
          const forMs = lastAt.atMs - sinceMs;
          // The page tables of the capture kernel's processes may lie outside of the reservation, in low memory.
          if (inCapture.has(last.index) || samples < MIN_SAMPLES || forMs < MIN_MS) return [];
          const cpu: NotStopped = { ...last, samples, forMs, addresses: addresses.size, stoppedLater };
          return [{ ...lastAt, type: 'cpu-not-stopped', cpu }];
        },
      );
      return [...unwatched, ...running];
    },
  };
}
