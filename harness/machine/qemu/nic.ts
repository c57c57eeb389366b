import type { Nic, NicModel } from '../../model/nic.js';
import { USER_NET } from '../../plan/nic.js';

/** QEMU's names of the cards (QEMU 7.2, `-device help`). */
export const NIC_DEVICES: Readonly<Record<NicModel, string>> = {
  e1000: 'e1000',
  e1000e: 'e1000e',
  igb: 'igb',
  '8139cp': 'rtl8139',
  'virtio-net-pci': 'virtio-net-pci',
};

/** The card's address; locally administered, QEMU's own prefix. */
const MAC = '52:54:00:12:34:56';

/** Sockets in the run directory to which a card is connected; crashpath listens on them. */
export const NIC_SOCKETS = { frames: 'net.sock', ssh: 'ssh.sock' } as const;

/**
 * QEMU's arguments for a network card, as data; none for no card. `stream` over a Unix socket (QEMU 7.2 and later):
 * each frame after its length, 32 bits, big endian (net/stream.c). Not `dgram`: Node has no Unix datagram sockets, and
 * a stream makes the sender wait for a card that takes nothing. Without the option ROM: no guest boots from the
 * network. `virtio`: further properties of a virtio card.
 */
export function nicArguments(nic: Nic | undefined, virtio = ''): [option: string, value: string][] {
  if (nic === undefined) return [];
  const properties = nic.model === 'virtio-net-pci' ? virtio : '';
  const device = `${NIC_DEVICES[nic.model]},netdev=net0,mac=${MAC},romfile=${properties}`;
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
