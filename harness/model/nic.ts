import { z } from 'zod';

/** Network cards that a guest can have, by the name of the kernel driver or QEMU device that people know them by. */
export const NIC_MODELS = ['e1000', 'e1000e', '8139cp', 'virtio-net-pci'] as const;
export type NicModel = (typeof NIC_MODELS)[number];

/**
 * A guest's one network card and what its other end is: `frames`, raw Ethernet frames to and from crashpath over a
 * Unix socket in the run directory; `user`, QEMU's own small network, closed off, whose only way out is a Unix socket
 * of crashpath's.
 */
export const NicSchema = z.strictObject({
  model: z.enum(NIC_MODELS),
  net: z.enum(['frames', 'user']).default('frames'),
});
export type Nic = z.infer<typeof NicSchema>;
