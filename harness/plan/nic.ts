import type { Nic, NicModel } from '../model/nic.js';

/** The kernel driver of a network card. */
interface NicDriver {
  /** Kernel modules (Debian 6.1 and 6.12, below kernel/drivers/net of their module trees). */
  readonly modules: readonly string[];
  /** The options that build these modules, in the same order. */
  readonly options: readonly string[];
}

const DRIVERS: Readonly<Record<NicModel, NicDriver>> = {
  e1000: { modules: ['e1000'], options: ['CONFIG_E1000'] },
  e1000e: { modules: ['e1000e'], options: ['CONFIG_E1000E'] },
  '8139cp': { modules: ['8139cp'], options: ['CONFIG_8139CP'] },
  'virtio-net-pci': {
    modules: ['virtio_pci', 'virtio_net'],
    options: ['CONFIG_VIRTIO_PCI', 'CONFIG_VIRTIO_NET'],
  },
};

/** Addresses of a guest with `net: user`; QEMU forwards the host's to the Unix socket of crashpath. */
export const USER_NET = { guest: '10.0.2.15/24', host: '10.0.2.100', port: 2222 } as const;

/**
 * The modules that this kernel needs for the card, without those that its config has built in. With an unknown config
 * it is all of them (a module tree lists built-in modules, too).
 */
export function nicModules(nic: Nic, config: ReadonlyMap<string, string> | undefined): string[] {
  const { modules, options } = DRIVERS[nic.model];
  return modules.filter((_, index) => config?.get(options[index] ?? '') !== 'y');
}
