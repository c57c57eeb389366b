import type { EventOf } from '../model/event.js';
import { cpusAskedFor } from '../plan/command-line.js';
import type { RunPlan } from '../plan/run-plan.js';

/**
 * Another number of CPUs came up in the capture kernel than its command line asks for, in words; empty otherwise. The
 * capture is what it is: since v6.10 (5c5682b9f87a) the kernel itself leaves the real boot CPU out, for example.
 */
export function cpusNote(plan: RunPlan, report: EventOf<'capture-facts'> | undefined): string {
  const asked = cpusAskedFor(plan.captureAppend, plan.machine.cpus);
  if (asked === undefined || report?.cpus === undefined || report.cpus === asked.count) return '';
  return `; its command line asks for ${cpus(asked.count)} (${asked.by}), and it runs ${report.cpus}`;
}

function cpus(count: number): string {
  return count === 1 ? '1 CPU' : `${count} CPUs`;
}
