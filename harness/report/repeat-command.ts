import { escapeHostText } from '../model/escape.js';
import { shellQuote } from '../model/shell-words.js';
import { repackOf } from '../plan/repack.js';
import type { RunPlan } from '../plan/run-plan.js';

/** The parts of a plan that a command line can name. */
type NamedPlan = Pick<RunPlan, 'scenario' | 'kernel' | 'captureKernel' | 'accel' | 'machine' | 'repacked'>;

/**
 * The command that runs a stored plan's scenario again, as one line for a POSIX shell. The kernel is named as it was
 * then, so the command means the same build only while that name does. Pure.
 */
export function repeatCommand(plan: NamedPlan, { runs }: { readonly runs: number }): string {
  const { scenario, kernel, captureKernel, accel, machine } = plan;
  const repack = repackOf(plan);
  const words = [
    'crashpath',
    'run',
    scenario.name,
    '--kernel',
    kernel.spec,
    ...(captureKernel.sha256 === kernel.sha256 ? [] : ['--capture-kernel', captureKernel.spec]),
    ...(repack === undefined ? [] : ['--repack', repack]),
    ...(machine.name === undefined ? [] : ['--machine-profile', machine.name]),
    '--accel',
    accel.unproved === undefined ? accel.accel : 'kvm-unproved',
    ...(runs === 1 ? [] : ['--repeat', String(runs)]),
  ];
  return shellQuote(words.map(escapeHostText));
}
