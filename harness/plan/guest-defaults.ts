/** Guest defaults. 768 MiB with 192 MiB for the crash kernel boots stock Debian 6.1 and 6.12 (measured). */
export const GUEST_DEFAULTS = { cpus: 2, memoryMiB: 768, machine: 'pc', crashkernel: '192M' } as const;
