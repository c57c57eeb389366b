import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Nic } from '../../model/nic.js';
import { type FrameLink, MissingAbility, type Network } from '../machine.js';
import { frameLink } from './frame-link.js';
import { NIC_SOCKETS } from './nic.js';
import { listenForStream } from './stream-server.js';

/** The host's end of a card, with its cleanup. */
export interface QemuNetwork {
  readonly network: Network;
  close(): Promise<void>;
}

/**
 * Listens on the socket to which QEMU will connect the card. `base` is a short alias of the run directory; `machine` is
 * the machine's name. `close` removes the socket.
 */
export async function openNetwork(
  nic: Nic,
  { base, directory, machine }: { base: string; directory: string; machine: string },
): Promise<QemuNetwork> {
  const name = nic.net === 'frames' ? NIC_SOCKETS.frames : NIC_SOCKETS.ssh;
  const server = await listenForStream(base, name);
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
    async close() {
      server.close();
      await rm(join(directory, name), { force: true });
    },
  };
}
