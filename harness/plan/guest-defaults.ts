/**
 * Limits and defaults of a guest, for scenarios, machine profiles and the command line. No schemas here: the command
 * line prints the limits in --help, and must not load a schema library for that.
 */

/** Whole numbers, both ends included. */
export const GUEST_LIMITS = {
  cpus: { least: 1, most: 64 },
  memoryMiB: { least: 128, most: 65_536 },
} as const;

/** The reservation: a size, with an address when it is fixed: `192M`, `256M@64M`. */
export const CRASHKERNEL = /^\d+[KMG](@\d+[KMG])?$/;

/** A QEMU machine or CPU model with its properties: `pc,hpet=off`, `max,-x2apic`. */
export const QEMU_NAME = /^(type=)?[\w.+-]+(,[\w.+=:/-]+)*$/;

/** Guest defaults. 768 MiB with 192 MiB for the crash kernel boots stock Debian 6.1 and 6.12 (measured). */
export const GUEST_DEFAULTS = { cpus: 2, memoryMiB: 768, machine: 'pc', crashkernel: '192M' } as const;

/** How much of /proc/vmcore a capture kernel can be asked to read; the first is the default. */
export const VMCORE_READS = ['whole', 'nonce'] as const;
export type VmcoreReading = (typeof VMCORE_READS)[number];
