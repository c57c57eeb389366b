import type { Armed } from '../model/event.js';
import { crashPathRank, isBetweenKernels, KERNEL_IMAGE } from '../model/place.js';
import type { PlacedAccess } from '../standstill/judge.js';
import { isOnStack } from '../standstill/loop-trace.js';
import { isReserved } from '../timeline/armed.js';
import type { Suspect } from './describe-vcpu.js';
import { LOCK_FUNCTION } from './lock-functions.js';
import { isIdle } from './stack-roles.js';

/** Functions that spin for a lock with preemption off; mutexes and semaphores are held by tasks that may sleep. */
const SPIN_LOCK_FUNCTION = /^(?:(?:native_|__pv_)?queued_(?:spin|read|write)_lock_slowpath)(?:\..*)?$/;
/**
 * Why a vCPU that may run cannot change what another one's loop reads. The crashed kernel has no writable mapping of the
 * crash kernel's memory once its image is loaded (arch/x86/kernel/machine_kexec_64.c, kexec_mark_crashkres(), v6.1).
 * Whoever holds a spin lock, or is queued for one, runs in the kernel with preemption off: neither the idle task in its
 * halt nor a program in user mode does.
 */
export function cannotChange(
  read: PlacedAccess,
  { place, stack }: Pick<Suspect, 'place' | 'stack'>,
  {
    by,
    armed,
  }: {
    readonly by: Pick<Suspect, 'vcpu' | 'state' | 'place' | 'stack'>;
    readonly armed: Armed | undefined;
  },
): string | undefined {
  const who = `vCPU ${by.vcpu}`;
  const isBeyond = crashPathRank(place) > 0;
  if (isBeyond && by.place === 'first-kernel' && armed !== undefined && isReserved(armed, read.physical))
    return `${who} is in the crashed kernel, which cannot write to the crash kernel's memory`;
  if (!SPIN_LOCK_FUNCTION.test(stack[0] ?? '')) return undefined;
  if (!isBeyond && by.place === 'user') return `${who} runs a program, and holds no spin lock`;
  return by.place === place && isIdle(by) ? `${who} is idle, and holds no spin lock` : undefined;
}

/** Memory that no driver hands to a device: the kernel image, a stack, a lock's nodes, the loaded crash image. */
export function isNoBuffer(read: PlacedAccess, suspect: Suspect | undefined): boolean {
  if (suspect === undefined) return false;
  const { place, stack, loop } = suspect;
  if (isBetweenKernels(place)) return true;
  if (read.address >= KERNEL_IMAGE || LOCK_FUNCTION.test(stack[0] ?? '')) return true;
  return loop?.kind === 'recurs' && isOnStack(read, loop.stack);
}
