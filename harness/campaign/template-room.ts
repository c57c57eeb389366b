import { fstatSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { SHARED_MEMORY } from '../machine/qemu/clone.js';

const MIB = 1024 * 1024;
/** A 512-byte block of stat(2). */
const BLOCK = 512;
/** Of the memory of a guest: its template, and what a clone or two of it come to write. */
const SIZES_FREE = 3;

/** Memory of this host, bytes. */
export interface HostMemory {
  /** What a process can still get: of the host, and of the memory cgroup in which crashpath runs. */
  readonly available: number;
  /** What the file system of the templates' memory can still hold. */
  readonly inFiles: number;
}

/** Asks this host. */
export async function hostMemory(): Promise<HostMemory> {
  const { bavail, bsize } = await statfs(SHARED_MEMORY);
  return { available: process.availableMemory(), inFiles: bavail * bsize };
}

/**
 * Whether there is room for the memory of another template beside those that are kept. A page of tmpfs is taken when it is
 * first read or written, also by a clone; one that cannot be had kills QEMU with SIGBUS (Linux 6.1, mm/shmem.c,
 * shmem_fault()). So each kept file counts with all that it can still grow by.
 */
export function fitsBeside(
  memoryMiB: number,
  { available, inFiles }: HostMemory,
  kept: readonly { readonly memory: number; readonly memoryMiB: number }[],
): boolean {
  const toCome = kept.reduce(
    (sum, one) => sum + Math.max(0, one.memoryMiB * MIB - fstatSync(one.memory).blocks * BLOCK),
    0,
  );
  return inFiles - toCome >= memoryMiB * MIB && available - toCome >= SIZES_FREE * memoryMiB * MIB;
}
