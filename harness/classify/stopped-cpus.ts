import type { EventOf, RunEvent } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import { type Aspect, HOLDS, degraded, open } from './aspect.js';
import type { Facts } from './facts.js';
import { first } from './phases.js';

/** vCPUs that ran the crashed kernel while the capture kernel ran. */
export function notStopped(events: readonly RunEvent[]): EventOf<'cpu-not-stopped'>[] {
  return events.filter((event) => event.type === 'cpu-not-stopped').filter(({ cpu }) => !maybeStarved(cpu));
}

/** A vCPU that did not move, and was stopped then, may have waited for the host. */
function maybeStarved({ addresses, stoppedLater }: EventOf<'cpu-not-stopped'>['cpu']): boolean {
  return addresses === 1 && stoppedLater;
}

/** Was every vCPU but the capture kernel's own stopped? */
export function stoppedCpus({ events }: Facts): Aspect {
  const running = notStopped(events);
  return {
    degradedBy: running.map((event) => ['cpu-not-stopped', event]),
    undecided:
      events.some(({ type }) => type === 'cpu-not-stopped') && running.length === 0 ? ['cpus-stopped'] : [],
  };
}

/** Does the vmcore hold the registers of every CPU that was online at firing? */
export function cpuNotes({ events, plan, hello, verified }: Facts): Aspect {
  if (verified === undefined) return open('cpu-notes');
  const notes = verified.vmcore.prstatusNotes;
  return notes < onlineCpus(events, { atBoot: hello?.cpus, plan })
    ? degraded('missing-cpu-notes', verified)
    : HOLDS;
}

/** CPUs that were online at firing; the guest's report of its boot counts those that maxcpus= left out. */
function onlineCpus(
  events: readonly RunEvent[],
  { atBoot, plan }: { atBoot: number | undefined; plan: RunPlan },
): number {
  const atFiring = first(events, 'firing')?.online;
  // Not every trigger is pulled by the guest's init; its last answer came right before.
  const before = events.findLast((event) => event.type === 'reply' && event.online !== undefined);
  const known = atFiring ?? (before?.type === 'reply' ? before.online : undefined);
  return known?.length ?? atBoot ?? plan.machine.cpus;
}
