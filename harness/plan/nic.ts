import type { Nic, NicModel } from '../model/nic.js';
import { type Driver, modulesOf } from './driver.js';

/** Modules of Debian 6.1 and 6.12, below kernel/drivers/net of their module trees. */
const DRIVERS: Readonly<Record<NicModel, Driver>> = {
  e1000: [['e1000', 'CONFIG_E1000']],
  e1000e: [['e1000e', 'CONFIG_E1000E']],
  igb: [['igb', 'CONFIG_IGB']],
  '8139cp': [['8139cp', 'CONFIG_8139CP']],
  'virtio-net-pci': [
    ['virtio_pci', 'CONFIG_VIRTIO_PCI'],
    ['virtio_net', 'CONFIG_VIRTIO_NET'],
  ],
};

/** Addresses of a guest with `net: user`; QEMU forwards the host's to the Unix socket of crashpath. */
export const USER_NET = { guest: '10.0.2.15/24', host: '10.0.2.100', port: 2222 } as const;

/** The modules that a kernel of this config needs for the card. */
export function nicModules(nic: Nic, config: ReadonlyMap<string, string> | undefined): string[] {
  return modulesOf(DRIVERS[nic.model], config);
}
