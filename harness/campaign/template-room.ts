import type { FreeMemory, TemplateMemory } from '../machine/qemu/host.js';

const MIB = 1024 * 1024;
/** Sizes of the guest: its template, and a clone of it that writes to all of its memory. */
const SIZES_FREE = 2;

/**
 * Whether there is room for the memory of another template beside those that are kept. A page of tmpfs is taken when it is
 * first read or written, also by a clone; one that cannot be had kills QEMU with SIGBUS (Linux 6.1, mm/shmem.c,
 * shmem_fault()). So each kept file counts with all that it can still grow by. Pure.
 */
export function fitsBeside(
  memoryMiB: number,
  { available, inFiles }: FreeMemory,
  kept: readonly { readonly memory: Pick<TemplateMemory, 'taken'>; readonly memoryMiB: number }[],
): boolean {
  const toCome = kept.reduce((sum, one) => sum + Math.max(0, one.memoryMiB * MIB - one.memory.taken()), 0);
  return inFiles - toCome >= memoryMiB * MIB && available - toCome >= SIZES_FREE * memoryMiB * MIB;
}
