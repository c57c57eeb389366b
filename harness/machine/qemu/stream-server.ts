import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { join } from 'node:path';
import { harnessFault } from '../../model/fault.js';

/** The host's end of a stream of QEMU, connected once. */
export interface StreamServer {
  /** The connection, as soon as there is one. */
  readonly connected: Promise<Duplex>;
  close(): Promise<void>;
}

/**
 * Listens on `<base>/<name>` before QEMU starts, so that no byte is lost. `base` is a short alias of the run directory
 * (/proc/self/fd/N): a Unix socket's path may have 107 bytes at most (unix(7)).
 */
export async function listenForStream(base: string, name: string): Promise<StreamServer> {
  let socket: Socket | undefined;
  let connect: (socket: Socket) => void;
  const connected = new Promise<Socket>((resolve) => {
    connect = resolve;
  });
  const server = createServer((accepted) => {
    // One QEMU, one connection: no other client gets in afterwards.
    stopListening(server);
    socket = accepted;
    // A reset at QEMU's end is reported by its exit.
    accepted.on('error', () => accepted.destroy());
    connect(accepted);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(join(base, name), resolve);
  }).catch((error: unknown) => {
    throw harnessFault(`cannot listen on "${name}": ${String(error)}; see the cause`, error);
  });
  return {
    connected,
    async close() {
      stopListening(server);
      socket?.destroy();
    },
  };
}

function stopListening(server: Server): void {
  if (server.listening) server.close();
}
