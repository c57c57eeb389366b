import { LOAD_SYSCALLS } from '../plan/guest-defaults.js';
import { repackOf } from '../plan/repack.js';
import type { RunPlan } from '../plan/run-plan.js';

/**
 * Everything that decides the runs of a plan, as one text: not their names, and not where the files are. Two arms of one
 * text are one arm, in whichever nights. Pure.
 */
export function decidingText(plan: RunPlan, crashpathVersion: string): string {
  const { scenario, kernel, captureKernel, machine, append, captureAppend, loadSyscall } = plan;
  const { modules, limits, accel, qemu } = plan;
  const repack = repackOf(plan);
  return JSON.stringify([
    crashpathVersion,
    scenario,
    kernel.sha256,
    captureKernel.sha256,
    ...(repack === undefined ? [] : [`repack ${repack}`]),
    machine,
    append,
    captureAppend,
    // The default is not said: former nights, which had no choice, are the same arms.
    ...(loadSyscall === LOAD_SYSCALLS[0] ? [] : [loadSyscall]),
    modules,
    limits,
    accel.accel,
    accel.unproved !== undefined,
    qemu.version,
  ]);
}
