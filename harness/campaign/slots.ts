import { setTimeout as sleep } from 'node:timers/promises';
import {
  type HostResources,
  type ProcessUse,
  readOwnSeconds,
  readProcessUse,
  readResources,
} from '../host/resources.js';
import type { RunEvent } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import { type NextGuest, type Room, type RunningGuest, whyNoRoom } from './room.js';

/** A place of a guest, from before its start to its end. */
export interface Slot {
  /** Takes the events of its run: they tell the guest's process, and when it has most of its memory. */
  note(event: RunEvent): void;
  release(): void;
}

/** How many guests run at a time on this host, by what it has left. */
export interface Slots {
  /**
   * Waits until the guest of a plan may start; undefined when the signal is aborted first. Calls are served in their
   * order. At most so many slots are taken as there are CPUs, times {@link GUESTS_PER_CPU}.
   */
  take(plan: RunPlan, signal: AbortSignal): Promise<Slot | undefined>;
  /** Guests that run. */
  readonly used: number;
}

/** Options of {@link measuredSlots}; tests give other hosts. */
export interface SlotsOptions {
  readonly resources?: () => HostResources;
  readonly processUse?: (pid: number) => ProcessUse | undefined;
  /** Seconds of CPU time of this process and of its children that have ended. */
  readonly ownSeconds?: () => number;
  readonly nowMs?: () => number;
  /** How often a guest that waits for room is tried again, milliseconds. */
  readonly againMs?: number;
  /** A guest waits for memory, and none runs. */
  readonly onNoMemory?: ((needMiB: number) => void) | undefined;
}

/** Guests at rest need no CPU, but sockets, threads and memory for the process. */
const GUESTS_PER_CPU = 16;
const AGAIN_MS = 1_000;
const MIB = 1024 * 1024;
/** QEMU beside its guest's memory: with TCG, translated code. */
const QEMU_BYTES = 512 * MIB;
/** Of the most that a guest of its kind had. */
const MARGIN = 1.2;
/** A guest counts as one that needs what its kind does until it has run for so long, seconds. */
const YOUNG = 2;
/** What is measured over less time is noise, seconds. */
const LEAST_SPAN = 0.5;
/** A guest that was never measured: a boot keeps one vCPU busy. */
const FIRST_CORES = 1;

/** When a guest has most of its memory, or is about to end. */
const AT_MOST: ReadonlySet<RunEvent['type']> = new Set([
  'vmcore',
  'vmcore-read',
  'capture-done',
  'panic-ended',
]);

interface Guest {
  readonly kind: string;
  readonly worstBytes: number;
  readonly startedMs: number;
  pid: number | undefined;
  /** CPU time at its last measurement, seconds. */
  latest: number;
  /** The measurement from which the next span begins. */
  use: ProcessUse | undefined;
  usedMs: number;
  cores: number | undefined;
}

/** Measures this host and its guests whenever one waits for a slot, and never else. */
export function measuredSlots({
  resources = readResources,
  processUse = readProcessUse,
  ownSeconds = readOwnSeconds,
  nowMs = () => performance.now(),
  againMs = AGAIN_MS,
  onNoMemory,
}: SlotsOptions = {}): Slots {
  const guests = new Set<Guest>();
  /** Most bytes of a guest, by its kind. */
  const peaks = new Map<string, number>();
  let cores = FIRST_CORES;
  let queue: Promise<unknown> = Promise.resolve();
  let wake: (() => void) | undefined;
  const others = otherLoad(ownSeconds);

  function measure(guest: Guest): void {
    const use = guest.pid === undefined ? undefined : processUse(guest.pid);
    if (use === undefined) return;
    const atMs = nowMs();
    guest.latest = use.cpuSeconds;
    const { use: before, usedMs } = guest;
    const span = (atMs - usedMs) / 1000;
    if (before === undefined || span >= LEAST_SPAN) {
      if (before !== undefined) {
        const spent = use.cpuSeconds + use.waitSeconds - before.cpuSeconds - before.waitSeconds;
        guest.cores = Math.max(0, spent / span);
      }
      guest.use = use;
      guest.usedMs = atMs;
    }
    peaks.set(guest.kind, Math.max(peaks.get(guest.kind) ?? 0, use.bytes));
  }

  function nextGuest(kind: string, worstBytes: number): NextGuest {
    const peak = peaks.get(kind);
    const needBytes = peak === undefined ? worstBytes : Math.min(worstBytes, MARGIN * peak);
    return { cores, needBytes, worstBytes };
  }

  function roomNow(): Room {
    for (const guest of guests) measure(guest);
    const now = resources();
    const running = [...guests].map((guest): RunningGuest => {
      const age = (nowMs() - guest.startedMs) / 1000;
      const { needBytes } = nextGuest(guest.kind, guest.worstBytes);
      return {
        cores: age < YOUNG ? undefined : guest.cores,
        bytes: guest.use?.bytes ?? 0,
        needBytes,
      };
    });
    const own = [...guests].reduce((sum, { latest }) => sum + latest, 0);
    return { ...now, otherCores: others(now, { own, atMs: nowMs() }), guests: running };
  }

  function claim(kind: string, worstBytes: number): Slot {
    const startedMs = nowMs();
    const guest: Guest = {
      ...{ kind, worstBytes, startedMs, usedMs: startedMs },
      ...{ pid: undefined, use: undefined, latest: 0, cores: undefined },
    };
    guests.add(guest);
    return {
      note(event) {
        if (event.type === 'host' && event.fact.fact === 'qemu-started') guest.pid = event.fact.pid;
        if (AT_MOST.has(event.type)) measure(guest);
      },
      release() {
        const age = (nowMs() - guest.startedMs) / 1000;
        const { use } = guest;
        // What its last measurement shows of a guest's whole life.
        if (use !== undefined && age > LEAST_SPAN) {
          const lived = Math.max(LEAST_SPAN, (guest.usedMs - guest.startedMs) / 1000);
          const seen = (use.cpuSeconds + use.waitSeconds) / lived;
          cores = (cores + Math.max(0.1, seen)) / 2;
        }
        guests.delete(guest);
        wake?.();
      },
    };
  }

  async function wait(plan: RunPlan, signal: AbortSignal): Promise<Slot | undefined> {
    const { machine, kernel, captureKernel } = plan;
    const kind = [machine.memoryMiB, kernel.sha256, captureKernel.sha256].join(' ');
    const worstBytes = machine.memoryMiB * MIB + QEMU_BYTES;
    const { cores: hostCores } = resources();
    const most = Math.max(1, Math.floor(hostCores * GUESTS_PER_CPU));
    let isSaid = false;
    while (!signal.aborted) {
      const next = nextGuest(kind, worstBytes);
      const why = guests.size >= most ? 'cpus' : whyNoRoom(roomNow(), next);
      if (why === undefined) return claim(kind, worstBytes);
      if (why === 'memory' && guests.size === 0 && !isSaid) {
        isSaid = true;
        onNoMemory?.(Math.ceil(next.needBytes / MIB));
      }
      const woken = new AbortController();
      wake = () => woken.abort();
      await sleep(againMs, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(
        () => undefined,
      );
      wake = undefined;
    }
    return undefined;
  }

  return {
    take(plan, signal) {
      const taken = queue.then(() => wait(plan, signal));
      queue = taken.catch(() => undefined);
      return taken;
    },
    get used() {
      return guests.size;
    },
  };
}

/** CPUs that neither this process nor its guests use, over a second or more. */
function otherLoad(ownSeconds: () => number) {
  let last: { readonly busy: number; readonly own: number; readonly atMs: number } | undefined;
  let load = 0;
  return (
    { busySeconds }: HostResources,
    { own, atMs }: { readonly own: number; readonly atMs: number },
  ): number => {
    if (busySeconds === undefined) return 0;
    const now = { busy: busySeconds, own: own + ownSeconds(), atMs };
    last ??= now;
    const span = (atMs - last.atMs) / 1000;
    if (span >= 1) {
      load = Math.max(0, (now.busy - last.busy - (now.own - last.own)) / span);
      last = now;
    }
    return load;
  };
}
