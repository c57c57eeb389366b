import type { EventOf } from '../model/event.js';
import { type Aspect, HOLDS, degraded } from './aspect.js';
import type { Facts } from './facts.js';
import { firstFact } from './phases.js';
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

/** QEMU's boot CPU: the one whose local APIC has the BSP bit (target/i386/cpu.c, x86_cpu_machine_reset_cb(), 7.2). */
const BOOT_CPU = 0;

/**
 * Did it leave the boot CPU alone? An INIT makes that one start at the firmware's reset vector, which resets real
 * hardware (Intel SDM vol. 3A, 9.4; Documentation/admin-guide/kernel-parameters.txt, disable_cpu_apicid=, v6.1).
 */
export function sparedBootCpu({ events }: Facts): Aspect {
  const inits = firstFact(events, 'inits');
  return inits?.fact.vcpus.includes(BOOT_CPU) === true ? degraded('init-to-boot-cpu', inits) : HOLDS;
}

function cpus(count: number): string {
  return count === 1 ? '1 CPU' : `${count} CPUs`;
}
