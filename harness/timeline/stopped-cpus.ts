import type { EventBody, EventSource, NotStopped, RunEvent, VcpuState } from '../model/event.js';
import { crashPathRank } from '../model/place.js';

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
  /** It is not seen so any more; and it was seen halted with interrupts off in the crashed kernel. */
  stoppedLater: boolean;
  wasStopped: boolean;
  /** It was seen stopped before all of them. */
  readonly wasHalted: boolean;
  /** A sample shows its interrupts on. */
  interruptsOn: boolean;
}

/**
 * A vCPU that the capture kernel starts itself (`nr_cpus=2`) counts until it is there, from the jump on when it was never
 * seen stopped: the shootdown should have stopped it.
 *
 * A vCPU is stopped when it is halted with interrupts off; it is elsewhere when it is in the capture kernel, or in
 * firmware (never started; one that was online must be halted there, too). Page tables tell which kernel it is in. A
 * CPU that was offline at firing waits with interrupts off, too, but not in `hlt` where the CPU has MWAIT
 * (arch/x86/kernel/smpboot.c, mwait_play_dead(), v6.1).
 */
export function createStoppedCpus(): StoppedCpus {
  let startedMs: number | undefined;
  let jumped = false;
  let watchedSinceMs: number | undefined;
  let online: readonly number[] | undefined;
  let hasVmcore = false;
  const watched = { samples: 0, forMs: 0 };
  let lastSeen: { readonly atMs: number; readonly at: EventSource } | undefined;
  const inCapture = new Set<number>();
  /** Where vCPUs were seen halted: the address behind their `hlt`. */
  const halted = new Map<number, Set<string>>();
  const sinceJump = new Map<number, Seen>();
  const seen = new Map<number, Seen>();
  const isOffline = (vcpu: VcpuState) => online?.includes(vcpu.index) === false && !vcpu.interruptsOn;
  // It was online, and is in firmware now: it never came back from it, or fell into it.
  const isLost = (vcpu: VcpuState) => vcpu.place === 'firmware' && online?.includes(vcpu.index) === true;
  // The page tables of the capture kernel's processes may lie outside of the reservation, in low memory.
  const isNotStopped = (vcpu: VcpuState) =>
    !inCapture.has(vcpu.index) &&
    (vcpu.place === 'first-kernel' || vcpu.place === 'user' || isLost(vcpu)) &&
    !isStopped(vcpu) &&
    !isOffline(vcpu);
  return {
    note(body) {
      if (body.type === 'firing' || body.type === 'reply') online = body.online ?? online;
      if (body.type === 'vmcore') hasVmcore = true;
    },
    sample(vcpus, { atMs, line }) {
      jumped ||= vcpus.some(({ place }) => crashPathRank(place) > crashPathRank('first-kernel'));
      for (const { index, place } of vcpus) if (place === 'capture-kernel') inCapture.add(index);
      if (inCapture.size > 0) startedMs ??= atMs;
      const lastAt = { atMs, at: { source: 'samples', line } as const };
      const isLate = startedMs !== undefined && atMs >= startedMs + GRACE_MS;
      if (startedMs !== undefined) lastSeen = lastAt;
      if (isLate) {
        watchedSinceMs ??= atMs;
        watched.samples += 1;
        watched.forMs = atMs - watchedSinceMs;
      }
      for (const vcpu of vcpus) {
        if (jumped && isStopped(vcpu) && vcpu.place === 'first-kernel') {
          halted.set(vcpu.index, (halted.get(vcpu.index) ?? new Set()).add(vcpu.rip));
        }
        const haltedAt = halted.get(vcpu.index);
        const one = { vcpu, lastAt, notStopped: isNotStopped(vcpu), haltedAt };
        if (jumped) count(sinceJump, one);
        if (isLate) count(seen, one);
      }
    },
    finish() {
      const isEnough = watched.samples >= MIN_SAMPLES && watched.forMs >= MIN_MS;
      const unwatched: RunEvent[] =
        lastSeen === undefined || isEnough || !hasVmcore
          ? []
          : [{ ...lastSeen, type: 'cpus-unwatched', ...watched }];
      const late = [...seen.values()].filter((one) => one.samples >= MIN_SAMPLES && forMs(one) >= MIN_MS);
      // The capture kernel of a fast machine starts its other CPUs before the grace is over.
      const taken = [...sinceJump.values()].filter(
        ({ last: { index }, samples, wasStopped }) =>
          inCapture.has(index) &&
          samples >= MIN_SAMPLES &&
          !wasStopped &&
          !late.some((one) => one.last.index === index),
      );
      const running = [...late, ...taken].map((one): RunEvent => {
        const { last, lastAt, samples, addresses, stoppedLater } = one;
        const cpu: NotStopped = {
          ...last,
          samples,
          forMs: forMs(one),
          addresses: addresses.size,
          stoppedLater,
          wokeUp: one.wasHalted && !one.interruptsOn,
        };
        return { ...lastAt, type: 'cpu-not-stopped', cpu };
      });
      return [...unwatched, ...running];
    },
  };
}

function isStopped({ halted, interruptsOn }: VcpuState): boolean {
  return halted && !interruptsOn;
}

function forMs({ sinceMs, lastAt }: Seen): number {
  return lastAt.atMs - sinceMs;
}

/** One sample of a vCPU. */
interface Sighting extends Pick<Seen, 'lastAt'> {
  readonly vcpu: VcpuState;
  readonly notStopped: boolean;
  /** Addresses at which it was seen stopped before; absent: it was not. */
  readonly haltedAt: ReadonlySet<string> | undefined;
}

/** Counts a sample of a vCPU, from the first that shows it not stopped. */
function count(seen: Map<number, Seen>, { vcpu, lastAt, notStopped, haltedAt }: Sighting): void {
  const known = seen.get(vcpu.index);
  // One that has left its `hlt` and got no host CPU yet has not moved: a busy host shows it there, awake.
  const visited = haltedAt?.has(vcpu.rip) === true ? [] : [vcpu.rip];
  if (!notStopped) {
    if (known !== undefined) {
      known.stoppedLater = true;
      known.wasStopped ||= isStopped(vcpu) && vcpu.place === 'first-kernel';
    }
  } else if (known === undefined) {
    const addresses = new Set(visited);
    const wasHalted = haltedAt !== undefined;
    const { interruptsOn } = vcpu;
    const counts = { sinceMs: lastAt.atMs, samples: 1, addresses, stoppedLater: false, wasStopped: false };
    seen.set(vcpu.index, { ...counts, wasHalted, interruptsOn, last: vcpu, lastAt });
  } else {
    known.samples += 1;
    for (const address of visited) known.addresses.add(address);
    known.interruptsOn ||= vcpu.interruptsOn;
    Object.assign(known, { last: vcpu, lastAt, stoppedLater: false });
  }
}
