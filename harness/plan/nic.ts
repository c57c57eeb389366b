import type { Nic, NicModel } from '../model/nic.js';

/** What a network card needs of QEMU and of a kernel. */
export interface NicDriver {
  /** QEMU's name of the device (QEMU 7.2, `-device help`). */
  readonly device: string;
  /** Kernel modules that drive it (Debian 6.1 and 6.12, below kernel/drivers/net of their module trees). */
  readonly modules: readonly string[];
  /** The options that build these modules, in the same order. */
  readonly options: readonly string[];
}

/** Every card's driver. */
export const NIC_DRIVERS: Readonly<Record<NicModel, NicDriver>> = {
  e1000: { device: 'e1000', modules: ['e1000'], options: ['CONFIG_E1000'] },
  e1000e: { device: 'e1000e', modules: ['e1000e'], options: ['CONFIG_E1000E'] },
  '8139cp': { device: 'rtl8139', modules: ['8139cp'], options: ['CONFIG_8139CP'] },
  'virtio-net-pci': {
    device: 'virtio-net-pci',
    modules: ['virtio_pci', 'virtio_net'],
    options: ['CONFIG_VIRTIO_PCI', 'CONFIG_VIRTIO_NET'],
  },
};

/** The card's address; locally administered, QEMU's own prefix. */
export const NIC_MAC = '52:54:00:12:34:56';

/** Sockets in the run directory that a card's other end is connected to; crashpath listens on them. */
export const NIC_SOCKETS = { frames: 'net.sock', ssh: 'ssh.sock' } as const;

/** Where a guest with `net: user` finds crashpath: the address that QEMU forwards to the Unix socket. */
export const USER_NET = { guest: '10.0.2.15/24', host: '10.0.2.100', port: 2222 } as const;

/**
 * QEMU's arguments for a network card, as data; none for no card. `stream` over a Unix socket (QEMU 7.2 and later):
 * each frame behind its length, 32 bits, big endian (net/stream.c). Not `dgram`: Node has no Unix datagram sockets,
 * and a stream makes the sender wait for a card that takes nothing. The option ROM is left out: nobody boots from it.
 */
export function nicArguments(nic: Nic | undefined): [option: string, value: string][] {
  if (nic === undefined) return [];
  const device = `${NIC_DRIVERS[nic.model].device},netdev=net0,mac=${NIC_MAC},romfile=`;
  if (nic.net === 'frames') {
    return [
      ['-netdev', `stream,id=net0,server=off,addr.type=unix,addr.path=${NIC_SOCKETS.frames}`],
      ['-device', device],
    ];
  }
  return [
    ['-chardev', `socket,id=ssh,path=${NIC_SOCKETS.ssh}`],
    [
      '-netdev',
      `user,id=net0,restrict=on,ipv6=off,guestfwd=tcp:${USER_NET.host}:${USER_NET.port}-chardev:ssh`,
    ],
    ['-device', device],
  ];
}

/**
 * The modules that this kernel needs for the card: those that its config says are built in are left out. A config
 * that is not known leaves all of them (a module tree knows what is built in, too).
 */
export function nicModules(nic: Nic, config: ReadonlyMap<string, string> | undefined): string[] {
  const { modules, options } = NIC_DRIVERS[nic.model];
  return modules.filter((_, index) => config?.get(options[index] ?? '') !== 'y');
}
