import type { Side } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import { cpusAskedFor } from '../plan/command-line.js';
import { isAtLeast, leadingVersion } from '../model/version.js';
import { escapeGuestText } from '../model/escape.js';
import type { Check } from './facts.js';
import { first } from './phases.js';

const MENDED_IN = { major: 8, minor: 1 } as const;

/**
 * Did the emulator execute a stale translation? QEMU before 8.1 may translate code while another vCPU patches it and
 * keep the old translation (fixed by deba78709a, "accel/tcg: Always lock pages before translation"), so that a kernel
 * under TCG dies of its own patching, once in many hundred boots. Such a run shows nothing about the kernel. The same
 * under a newer QEMU, or KVM, is a bug of the kernel, and so is one in a kernel that runs on one vCPU: nobody patches
 * code while it translates. A complete proof of capture stands.
 */
export const emulatorCheck: Check = ({ plan, events, verified }) => {
  if (verified !== undefined || !mayRunStaleCode(plan)) return undefined;
  const stale = first(events, 'stale-int3', ({ side }) => hasSeveralCpus(side, plan));
  if (stale === undefined) return undefined;
  const [version] = plan.qemu.version.split(' ');
  const where = escapeGuestText(stale.function, 64);
  return {
    word: 'harness-error',
    detail: 'emulator-stale-code',
    explanation: `QEMU ${version} under TCG ran an int3 that the kernel had removed (${where}); run again, or with QEMU 8.1 or later`,
    evidence: [stale],
  };
};

function mayRunStaleCode({ accel, qemu }: RunPlan): boolean {
  const version = leadingVersion(qemu.version);
  return accel.accel === 'tcg' && version !== undefined && !isAtLeast(version, MENDED_IN);
}

/** What a kernel's command line allows; the machine may have more vCPUs. */
function hasSeveralCpus(side: Side, { machine: { cpus }, append, captureAppend }: RunPlan): boolean {
  return (cpusAskedFor(side === 'capture' ? captureAppend : append, cpus)?.count ?? cpus) > 1;
}
