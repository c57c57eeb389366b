import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { roughly, safeName, safeSentence } from './words.js';

const MIB = 1024 * 1024;
const PAGE_BYTES = 4096;

/** What a run keeps beside its recording, and what that changes of the machine and the crash path; undefined: nothing. */
export function keepsText({
  keepVmcore,
  keepFailed,
}: Pick<RunPlan, 'keepVmcore' | 'keepFailed'>): string | undefined {
  const parts: string[] = [];
  if (keepVmcore !== undefined) {
    const { of, diskMiB } = keepVmcore;
    const runs = of === 'all' ? 'its vmcore' : 'its vmcore if it fails';
    const disk =
      diskMiB === undefined
        ? ''
        : ` (the machine has a virtio disk of ${diskMiB} MiB for it, and the capture kernel writes it after its proofs)`;
    parts.push(`${runs}${disk}`);
  }
  if (keepFailed !== undefined)
    parts.push(`its guest for ${keepFailed.minutes} min if it fails, ${keepFailed.most} at a time`);
  return parts.length === 0 ? undefined : parts.join('; ');
}

/** The dump of a run in words; undefined when there is nothing to say. */
export function vmcoreText({ vmcore }: Pick<RunResult, 'vmcore'>): string | undefined {
  if (vmcore === undefined) return undefined;
  if ('missing' in vmcore) return `none: ${safeSentence(vmcore.missing)}`;
  const { source, file, format, bytes, pages, level, vmcoreinfo, why } = vmcore;
  const whose = {
    'capture-kernel': `written by the capture kernel, makedumpfile -d ${level}`,
    distribution: `written by the distribution, makedumpfile -d ${level}`,
    outside: 'of the whole machine, written by QEMU from outside',
  }[source];
  const size = `${(bytes / MIB).toFixed(1)} MiB for ${Math.round((pages * PAGE_BYTES) / MIB)} MiB of memory`;
  return [
    `${safeName(file)}: ${safeName(format)}, ${size}; ${whose}`,
    ...(vmcoreinfo ? [] : ['it has no VMCOREINFO: drgn does not open it, and crash needs a vmlinux']),
    ...(why === undefined ? [] : [safeSentence(why)]),
  ].join('; ');
}

/** The guest that stays up in words; undefined when there is nothing to say. */
export function guestText({ guestKept, runId }: Pick<RunResult, 'guestKept' | 'runId'>): string | undefined {
  if (guestKept === undefined) return undefined;
  if ('missing' in guestKept) return `it did not stay up: ${safeSentence(guestKept.missing)}`;
  const { pid, forMinutes } = guestKept;
  return `it stayed up for ${roughly(forMinutes * 60_000)} (pid ${pid}); crashpath attach ${safeName(runId)}`;
}
