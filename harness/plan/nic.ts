import type { Nic, NicModel } from '../model/nic.js';

/** What drives a network card in a kernel. */
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

/** Where a guest with `net: user` finds crashpath: the address that QEMU forwards to the Unix socket. */
export const USER_NET = { guest: '10.0.2.15/24', host: '10.0.2.100', port: 2222 } as const;

/**
 * The modules that this kernel needs for the card: those that its config says are built in are left out. A config
 * that is not known leaves all of them (a module tree knows what is built in, too).
 */
export function nicModules(nic: Nic, config: ReadonlyMap<string, string> | undefined): string[] {
  const { modules, options } = DRIVERS[nic.model];
  return modules.filter((_, index) => config?.get(options[index] ?? '') !== 'y');
}
