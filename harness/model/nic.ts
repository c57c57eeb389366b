import { z } from 'zod';

/**
 * Network cards that a guest can have, by the name of the kernel driver or the QEMU device, whichever is better known.
 */
export const NIC_MODELS = ['e1000', 'e1000e', 'igb', '8139cp', 'virtio-net-pci'] as const;
export type NicModel = (typeof NIC_MODELS)[number];

/**
 * A guest's one network card and its backend: `frames`, raw Ethernet frames to and from crashpath over a Unix socket in
 * the run directory; `user`, QEMU's user network, restricted, whose only forwarding ends in a Unix socket of crashpath.
 */
export const NicSchema = z.strictObject({
  model: z.enum(NIC_MODELS),
  net: z.enum(['frames', 'user']).default('frames'),
});
export type Nic = z.infer<typeof NicSchema>;
