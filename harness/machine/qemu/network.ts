import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Nic } from '../../model/nic.js';
import { NIC_SOCKETS } from '../../plan/nic.js';
import { type FrameLink, frameLink } from './frame-link.js';
import { listenForStream } from './stream-server.js';

/** The other end of the guest's network card. */
export interface GuestNetwork {
  /** Raw frames (`net: frames`). */
  frames(): Promise<FrameLink>;
  /** What the guest's one way out carries (`net: user`). */
  ssh(): Promise<Socket>;
  close(): Promise<void>;
}

/** Listens where QEMU will connect the card to; undefined when the guest has none. Sockets go with `close`. */
export async function openNetwork(
  nic: Nic | undefined,
  { base, directory }: { base: string; directory: string },
): Promise<GuestNetwork | undefined> {
  if (nic === undefined) return undefined;
  const name = nic.net === 'frames' ? NIC_SOCKETS.frames : NIC_SOCKETS.ssh;
  const server = await listenForStream(base, name);
  let link: Promise<FrameLink> | undefined;
  // A card that nobody sends to is heard all the same: a full socket would hold QEMU up.
  if (nic.net === 'frames') link = server.connected.then(frameLink);
  const missing = (what: string) =>
    new Error(`the guest's card has no ${what}: the plan should have been refused`);
  return {
    frames: () => link ?? Promise.reject(missing('frames')),
    ssh: () => (link === undefined ? server.connected : Promise.reject(missing('way out'))),
    async close() {
      server.close();
      await rm(join(directory, name), { force: true });
    },
  };
}
