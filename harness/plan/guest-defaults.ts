/**
 * Limits and defaults of a guest, for scenarios, machine profiles and the command line. No schemas here: the command
 * line prints the limits in --help, and must not load a schema library for that.
 */

/** Whole numbers, both ends included. */
export const GUEST_LIMITS = {
  cpus: { least: 1, most: 64 },
  memoryMiB: { least: 128, most: 65_536 },
} as const;

/** A QEMU machine or CPU model with its properties: `pc,hpet=off`, `max,-x2apic`. */
export const QEMU_NAME = /^(type=)?[\w.+-]+(,[\w.+=:/-]+)*$/;

/** Properties of a QEMU machine that crashpath sets itself, with the option or key that decides each. */
const SET_ELSEWHERE = [
  [/^smp(\.|$)/, 'the number of vCPUs (--cpus)'],
  [/^memory(\.|$)|^memory-backend$/, 'the memory (--memory)'],
  [/^accel$/, 'the accelerator (--accel)'],
  [/^(kernel|initrd)$/, 'the kernel (--kernel)'],
  [/^append$/, 'the command line (--append)'],
] as const;

/** Why a QEMU machine with these properties would not be obeyed; undefined when it would. */
export function mistakeInMachine(text: string): string | undefined {
  for (const property of text.split(',').slice(1)) {
    const [key = ''] = property.split('=', 1);
    const subject = SET_ELSEWHERE.find(([pattern]) => pattern.test(key))?.[1];
    if (subject !== undefined)
      return `${key} is not taken from it: it would contradict ${subject}; set it there`;
  }
  return undefined;
}

/** Guest defaults. 768 MiB with 192 MiB for the crash kernel boots stock Debian 6.1 and 6.12 (measured). */
export const GUEST_DEFAULTS = {
  cpus: 2,
  memoryMiB: 768,
  machine: 'pc',
  crashkernel: '192M',
  keepMinutes: 60,
} as const;

/**
 * How much of /proc/vmcore a capture kernel can be asked to read, from most to least; the first is the default. `mapped`:
 * as `whole`, but of pages that are mapped nothing is read (images/init/vmcore-reader.hex).
 */
export const VMCORE_READS = ['whole', 'mapped', 'nonce'] as const;
export type VmcoreReading = (typeof VMCORE_READS)[number];

/** The system calls by which kexec loads a crash kernel (`kexec -c` and `kexec -s`); the first is the default. */
export const LOAD_SYSCALLS = ['kexec_load', 'kexec_file_load'] as const;
export type LoadSyscall = (typeof LOAD_SYSCALLS)[number];

/** Which kernels of a guest are repacked, so that they decompress fast. */
export const REPACKS = ['first', 'capture', 'both'] as const;
export type Repack = (typeof REPACKS)[number];

/** Of which runs a dump is kept: of those that did not capture or ended unexpectedly, or of all; the first is the default. */
export const KEEP_VMCORE = ['failed', 'all'] as const;
export type KeepVmcore = (typeof KEEP_VMCORE)[number];
