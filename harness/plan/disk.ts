import type { DiskKind } from '../model/disk.js';
import { type Driver, modulesOf } from './driver.js';

const DRIVERS: Readonly<Record<DiskKind, Driver>> = {
  'virtio-blk': [
    ['virtio_pci', 'CONFIG_VIRTIO_PCI'],
    ['virtio_blk', 'CONFIG_VIRTIO_BLK'],
  ],
  nvme: [['nvme', 'CONFIG_BLK_DEV_NVME']],
  ahci: [
    ['ahci', 'CONFIG_SATA_AHCI'],
    ['sd_mod', 'CONFIG_BLK_DEV_SD'],
  ],
};

/** The modules that a kernel of this config needs for the disk. */
export function diskModules(
  { kind }: { readonly kind: DiskKind },
  config: ReadonlyMap<string, string> | undefined,
): string[] {
  return modulesOf(DRIVERS[kind], config);
}
