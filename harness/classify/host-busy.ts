import type { EventOf, RunEvent } from '../model/event.js';
import { heldMs, suspensions, waitedMs } from '../timeline/own-time.js';
import { isQuiet } from '../timeline/printk.js';
import type { EventFacts } from './facts.js';
import { type FactEvent, factsOf, first, lastMs } from './phases.js';

/** A check of the kernel that fails by itself when the machine's threads get no CPU. */
interface Check {
  /** Before its message, milliseconds of the host: the check, and what its message needs to arrive. */
  readonly windowMs: number;
  /** As much waiting in that window, or in a stretch of it, spoils the check. */
  readonly spoiledByMs: number;
  /** The check takes less than this: only waiting within one such stretch spoils it. Absent: the whole window. */
  readonly stretchMs?: number;
  /** It is a loop that never halts: time in which no vCPU ran or waited was taken by the host. */
  readonly isLoop?: boolean;
}

/**
 * Checks against the timers, each of which spans 50 to 160 ms (arch/x86/kernel/apic/io_apic.c, timer_irq_works(): four
 * ticks in 40,000,000,000 / HZ cycles; apic.c, calibrate_APIC_clock(); tsc.c, pit_hpet_ptimer_calibrate_cpu(); hpet.c,
 * hpet_counting(); v6.1). At HZ = 250 and 2.6 GHz timer_irq_works() lasts 61 ms and wants four ticks of 4 ms, so 45 ms
 * without a CPU spoil it. Measured in such windows (QEMU 7.2, 2 vCPUs on 2 cores, the thread that waited longest): 3 ms
 * in the median of a quiet host, 25 ms in one of ten; 25 and 110 ms with 4 busy programs beside it; 294 and 363 with 12.
 */
const TIMER: Check = { windowMs: 600, spoiledByMs: 40, stretchMs: 250, isLoop: true };

/**
 * The panic of check_timer() comes after four of these in a row (arch/x86/kernel/apic/io_apic.c, v6.1): through the
 * IO-APIC, the 8259, as virtual wire, as ExtINT. A host that spoils all of them makes 180 ms of waiting, 90 of them in one
 * thread when two share it.
 */
const ALL_TIMERS: Check = { windowMs: 600, spoiledByMs: 90, isLoop: true };

/**
 * Watchdogs that count the clock: 20 s (kernel/watchdog.c, get_softlockup_thresh()) and 21 s (CONFIG_RCU_CPU_STALL_TIMEOUT)
 * (v6.1). What remains without the waiting must be less than that. A lockup that lasts is reported again.
 */
const WATCHDOG: Check = { windowMs: 22_000, spoiledByMs: 2_000 };

const CHECKS: Readonly<Record<string, Check>> = {
  'timer-not-connected': TIMER,
  'timer-check-failed': ALL_TIMERS,
  'timer-as-virtual-wire': TIMER,
  'tsc-not-calibrated': TIMER,
  'apic-timer-disabled': TIMER,
  'hpet-disabled': TIMER,
  'soft-lockup': WATCHDOG,
  'rcu-stall': WATCHDOG,
  'workqueue-lockup': { windowMs: 32_000, spoiledByMs: 2_000 },
  'hung-task': { windowMs: 122_000, spoiledByMs: 2_000 },
};

/** A lockup that says how long it lasts, and the seconds after which the kernel reports it (kernel/watchdog.c, v6.1). */
const STUCK_FOR = /soft lockup - CPU#\d+ stuck for (\d{1,6})s!$/;
const LOCKUP_MS = 20_000;

/** Where the moment of the check is not known, the whole boot counts, and only waiting that no quiet host shows. */
const SOME_TIME: Check = { windowMs: 600, spoiledByMs: 100 };

/** The facts around the longest waiting in the window of a check. */
export interface HostBusy {
  readonly waitedMs: number;
  readonly evidence: readonly FactEvent<'host-time'>[];
}

/**
 * Whether a check of the kernel, by its name, may have failed because the host was busy; `at` is its message, or the
 * report that shows its result. Undefined when the machine's threads got their time, when the name is no such check, or
 * when the recording does not tell.
 */
export function hostBusyAt(facts: EventFacts, name: string, at: RunEvent): HostBusy | undefined {
  if (name === 'lapic-timer-lost') {
    const message = first(facts.events, 'signature', isNamed('apic-timer-disabled'));
    if (message !== undefined) return hostBusyAt(facts, message.name, message);
    // On a console that shows the capture kernel the message would be there: it was not the calibration that failed.
    return isShown(facts) ? undefined : busyInBoot(facts);
  }
  const check = CHECKS[name];
  if (check === undefined) return undefined;
  const stuckMs = at.type === 'signature' ? Number(STUCK_FOR.exec(at.text)?.[1] ?? 0) * 1_000 : 0;
  if (stuckMs > check.windowMs) {
    // What is left of it without the waiting is a lockup. A line of a log that was read from memory has no time.
    const isTimed = at.at.source === 'console';
    const fromMs = isTimed ? at.atMs - stuckMs : (facts.captureEntered?.atMs ?? 0);
    const spoiledByMs = stuckMs - LOCKUP_MS;
    const times = factsOf(facts.events, 'host-time');
    return busyIn(times, { fromMs, toMs: at.atMs }, { windowMs: stuckMs, spoiledByMs });
  }
  // A line out of the kernel's log has the time at which the log was read.
  if (at.at.source !== 'console') return busyInBoot(facts);
  return busyIn(
    factsOf(facts.events, 'host-time'),
    { fromMs: at.atMs - check.windowMs, toMs: at.atMs },
    check,
  );
}

/** Parts reasons of a degradation: those that stand, and those that the host may have caused. */
export function partByHost(
  facts: EventFacts,
  reasons: readonly (readonly [name: string, event: RunEvent])[],
): {
  readonly standing: readonly (readonly [string, RunEvent])[];
  readonly byHost: readonly (readonly [string, RunEvent])[];
  readonly evidence: readonly RunEvent[];
} {
  const evidence: RunEvent[] = [];
  const standing = reasons.filter(([name, event]) => {
    // One message at a quiet time is enough.
    const messages = facts.events.filter(
      (other): other is EventOf<'signature'> =>
        other.type === 'signature' && isNamed(name)(other) && other.degrades,
    );
    const busy = (messages.length === 0 ? [event] : messages).map((at) => hostBusyAt(facts, name, at));
    if (busy.includes(undefined)) return true;
    evidence.push(...(busy[0]?.evidence ?? []));
    return false;
  });
  return { standing, byHost: reasons.filter((reason) => !standing.includes(reason)), evidence };
}

function isNamed(name: string): (event: EventOf<'signature'>) => boolean {
  return (event) => event.name === name;
}

/** Whether the console showed the capture kernel from its start, and goes on to show what it warns of. */
function isShown({ events, captureUserspace }: EventFacts): boolean {
  const line = first(events, 'capture-command-line');
  return line?.at.source === 'console' && !isQuiet(captureUserspace?.commandLine ?? '');
}

/** In the boot of the capture kernel, or of the first one when there is none. */
function busyInBoot({ events, captureEntered, captureUserspace }: EventFacts): HostBusy | undefined {
  const fromMs = captureEntered?.atMs ?? 0;
  const toMs = captureUserspace?.atMs ?? lastMs(events);
  const times = factsOf(events, 'host-time');
  return times
    .filter(({ atMs }) => atMs > fromMs && atMs <= toMs)
    .map(({ atMs }) => busyIn(times, { fromMs: atMs - SOME_TIME.windowMs, toMs: atMs }, SOME_TIME))
    .find((busy) => busy !== undefined);
}

/**
 * The most waiting in a stretch of the time from the last fact before a moment to the first one after another. EventFacts come
 * four times a second: what takes 250 ms lies within two intervals.
 */
function busyIn(
  times: readonly FactEvent<'host-time'>[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  { spoiledByMs, stretchMs, isLoop = false }: Check,
): HostBusy | undefined {
  const first = Math.max(
    0,
    times.findLastIndex(({ atMs }) => atMs <= fromMs),
  );
  const end = times.findIndex(({ atMs }) => atMs >= toMs);
  const last = end < 0 ? times.length - 1 : end;
  if ((times[last]?.atMs ?? 0) < fromMs) return undefined;
  const suspended = suspensions(times.map(timeOf));
  for (let index = first; index < last; index += 1) {
    const before = times[index];
    // A check that began before the next fact has ended its length after that one, at the latest.
    const from = times[index + 1]?.atMs ?? 0;
    const after =
      stretchMs === undefined
        ? times[last]
        : (times.slice(index + 1, last + 1).find(({ atMs }) => atMs >= from + stretchMs) ?? times[last]);
    if (before === undefined || after === undefined) return undefined;
    const suspendedMs = suspended
      .slice(index + 1, times.indexOf(after) + 1)
      .reduce((sum, partMs) => sum + partMs, 0);
    const waited = Math.max(
      suspendedMs,
      waitedMs(before.fact.threads, after.fact.threads),
      isLoop ? heldMs(timeOf(before), timeOf(after)) : 0,
    );
    if (waited >= spoiledByMs) return { waitedMs: waited, evidence: [before, after] };
    if (after === times[last]) return undefined;
  }
  return undefined;
}

/** No fact for this long: crashpath itself did not run; see timeline/own-time.ts. */
const GAP_MS = 2_000;

/**
 * The first fact after a time in which crashpath itself did not run (SIGSTOP, Ctrl-Z), after firing. What the guest sent
 * meanwhile may have lost bytes: a UART's FIFO has room for 64 KiB, and QEMU drops what does not fit.
 */
export function reportMayBeLost({ events, fired }: EventFacts): FactEvent<'host-time'> | undefined {
  if (fired === undefined) return undefined;
  const times = factsOf(events, 'host-time');
  return times.find(({ atMs }, index) => {
    const before = times[index - 1]?.atMs ?? atMs;
    return atMs - before >= GAP_MS && atMs > fired.atMs;
  });
}

function timeOf({ atMs, fact: { threads } }: FactEvent<'host-time'>) {
  return { atMs, threads };
}
