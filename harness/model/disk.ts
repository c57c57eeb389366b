import { z } from 'zod';

/** Disks that a guest can have, by how they are attached: `ahci` is a SATA disk at a controller of its own. */
export const DISK_KINDS = ['virtio-blk', 'nvme', 'ahci'] as const;
export type DiskKind = (typeof DISK_KINDS)[number];

/** A guest's one disk: a sparse file of the run directory, all zeros at the start. */
export const DiskSchema = z.strictObject({
  kind: z.enum(DISK_KINDS),
  sizeMiB: z.number().int().min(16).max(65_536).default(64),
});
export type Disk = z.infer<typeof DiskSchema>;
