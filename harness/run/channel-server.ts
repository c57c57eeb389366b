import type { Socket } from 'node:net';
import { listenForStream } from './stream-server.js';

/**
 * A UART sends byte by byte; bytes are handed on in groups of this age at most, so that the index of a console is not
 * many times its size.
 */
const GROUP_MS = 5;

/** A Unix socket in the run directory to which QEMU connects one of the guest's UARTs. */
export interface ChannelServer {
  /** Sends bytes to the guest; false when QEMU is not connected. */
  send(bytes: Buffer): boolean;
  close(): void;
}

/** Listens on `<base>/<name>`, as {@link listenForStream} does, and hands on what comes. */
export async function listenForChannel(
  base: string,
  name: string,
  onBytes: (bytes: Buffer) => void,
): Promise<ChannelServer> {
  let socket: Socket | undefined;
  let pending: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (pending.length === 0) return;
    const bytes = Buffer.concat(pending);
    pending = [];
    onBytes(bytes);
  };
  const server = await listenForStream(base, name);
  void server.connected.then((connected) => {
    socket = connected;
    connected.on('data', (bytes) => {
      pending.push(bytes);
      timer ??= setTimeout(flush, GROUP_MS);
    });
    connected.on('end', flush);
  });
  return {
    send: (bytes) => socket !== undefined && !socket.destroyed && (socket.write(bytes), true),
    close() {
      flush();
      server.close();
    },
  };
}
