import type { Nic } from '../../model/nic.js';
import { type FrameLink, MissingAbility, type Network } from '../machine.js';
import { frameLink } from './frame-link.js';
import { NIC_SOCKETS } from './nic.js';
import type { HostPlace } from './host.js';

/** The host's end of a card, with its cleanup. */
export interface QemuNetwork {
  readonly network: Network;
  close(): Promise<void>;
}

/** Opens the host's end of the card, before QEMU starts; `machine` is the machine's name. `close` removes the socket. */
export async function openNetwork(
  nic: Nic,
  { place, machine }: { place: Pick<HostPlace, 'openStream'>; machine: string },
): Promise<QemuNetwork> {
  const name = nic.net === 'frames' ? NIC_SOCKETS.frames : NIC_SOCKETS.ssh;
  const server = await place.openStream(name);
  // Frames from the guest are always read: a full socket would block QEMU.
  const link: Promise<FrameLink> | undefined =
    nic.net === 'frames' ? server.connected.then(frameLink) : undefined;
  const lacks = (part: string) =>
    Promise.reject(new MissingAbility('network', `${machine} with "net: ${nic.net}"`, part));
  return {
    network: {
      frames: () => link ?? lacks(' with raw frames'),
      stream: () => (link === undefined ? server.connected : lacks(' with a way out')),
    },
    close: () => server.close(),
  };
}
