import type { EventOf, RunEvent } from '../model/event.js';
import { type Aspect, HOLDS, degraded, open } from './aspect.js';
import type { Facts } from './facts.js';
import { factsOf, type FactEvent, first } from './phases.js';

/** vCPUs that ran the crashed kernel while the capture kernel ran. */
export function notStopped(events: readonly RunEvent[]): EventOf<'cpu-not-stopped'>[] {
  return events
    .filter((event) => event.type === 'cpu-not-stopped')
    .filter((event) => !standsAfterHalt(event) && !maybeStarved(event, events));
}

/** `pause` and the jump back to it. */
const MOST_LOOP_ADDRESSES = 2;

/**
 * A vCPU that was stopped in `hlt`, left it, and stands where it is with interrupts off: the stopped CPU's own loop
 * behind its `hlt` looks so (arch/x86/kernel/reboot.c, crash_nmi_callback(), v6.1: "Assume hlt works"). TCG leaves a `hlt`
 * without a reason when a message for the local APIC comes at the wrong moment (QEMU 7.2, accel/tcg/cpu-exec.c,
 * cpu_handle_halt(): CPU_INTERRUPT_POLL set again counts as work). Samples do not show whether that loop writes.
 */
function standsAfterHalt({ cpu }: EventOf<'cpu-not-stopped'>): boolean {
  return cpu.wokeUp && cpu.addresses <= MOST_LOOP_ADDRESSES;
}

/**
 * A vCPU that did not move, and was stopped then, may have waited for the host: its thread then waited for a CPU most of
 * that time. One that was asleep, or ran, was not stopped. A recording without the threads' times does not tell.
 */
function maybeStarved({ atMs, cpu }: EventOf<'cpu-not-stopped'>, events: readonly RunEvent[]): boolean {
  if (cpu.addresses > 1 || !cpu.stoppedLater) return false;
  const times = factsOf(events, 'host-time');
  const waitedAt = (fact: FactEvent<'host-time'> | undefined) =>
    fact?.fact.threads.find(({ thread }) => thread === `vcpu${cpu.index}`)?.waitedMs;
  const before = waitedAt(times.findLast((time) => time.atMs <= atMs - cpu.forMs));
  const after = waitedAt(times.find((time) => time.atMs >= atMs) ?? times.at(-1));
  return before === undefined || after === undefined || (after - before) * 2 >= cpu.forMs;
}

/** Was every vCPU but the capture kernel's own stopped? */
export function stoppedCpus(facts: Facts): Aspect {
  const { events } = facts;
  const running = notStopped(events);
  if (running.length > 0) {
    return { degradedBy: running.map((event) => ['cpu-not-stopped', event]), undecided: [] };
  }
  const late = events.some(({ type }) => type === 'cpu-not-stopped');
  return late || !wereWatched(facts) ? open('cpus-stopped') : HOLDS;
}

/** Were there enough samples of the capture kernel's time? On a slow host they come once every few seconds. */
function wereWatched(facts: Facts): boolean {
  if (onlineCpus(facts) === 1) return true;
  const { events } = facts;
  const entered = first(events, 'jumped', ({ place }) => place === 'capture-kernel');
  return entered !== undefined && first(events, 'cpus-unwatched') === undefined;
}

/** Does the vmcore hold the registers of every CPU that was online at firing? */
export function cpuNotes(facts: Facts): Aspect {
  const { verified } = facts;
  if (verified === undefined) return open('cpu-notes');
  const notes = verified.vmcore.prstatusNotes;
  return notes < onlineCpus(facts) ? degraded('missing-cpu-notes', verified) : HOLDS;
}

/** CPUs that were online at firing; the guest's report of its boot counts those that maxcpus= left out. */
function onlineCpus({ events, plan, hello }: Facts): number {
  const atFiring = first(events, 'firing')?.online;
  // Not every trigger is pulled by the guest's init; its last answer came right before.
  const before = events.findLast((event) => event.type === 'reply' && event.online !== undefined);
  const known = atFiring ?? (before?.type === 'reply' ? before.online : undefined);
  return known?.length ?? hello?.cpus ?? plan.machine.cpus;
}
