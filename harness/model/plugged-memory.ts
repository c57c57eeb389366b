import { z } from 'zod';

/** The forms of memory that can be plugged into a running guest. */
export const PLUGGED_MEMORY = ['dimm', 'virtio-mem'] as const;

/** Memory blocks of x86-64 have 128 MiB below 64 GiB (arch/x86/mm/init_64.c, memory_block_size_bytes(), v6.1). */
const BLOCK_MIB = 128;

/** An amount of such memory. */
export const pluggedMiB = z
  .number()
  .int()
  .min(BLOCK_MIB)
  .max(65_536)
  .multipleOf(BLOCK_MIB, `must be a multiple of ${BLOCK_MIB}, a memory block of the kernel`);

/** Memory that a step plugs. */
export const PluggedMemorySchema = z.strictObject({ as: z.enum(PLUGGED_MEMORY), sizeMiB: pluggedMiB });
export type PluggedMemory = z.infer<typeof PluggedMemorySchema>;
