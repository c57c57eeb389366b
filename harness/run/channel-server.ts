import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { harnessFault } from '../model/fault.js';

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

/**
 * Listens on `<base>/<name>` before QEMU starts, so that no byte is lost. `base` is a short alias of the run directory
 * (/proc/self/fd/N): a Unix socket's path may have 107 bytes at most (unix(7)).
 */
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
  const server = createServer((connected) => {
    // One QEMU, one connection: nobody else gets in afterwards.
    stopListening(server);
    socket = connected;
    connected.on('data', (bytes) => {
      pending.push(bytes);
      timer ??= setTimeout(flush, GROUP_MS);
    });
    connected.on('end', flush);
    // A reset at QEMU's death is told by its exit.
    connected.on('error', () => connected.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(join(base, name), resolve);
  }).catch((error: unknown) => {
    throw harnessFault(`cannot listen on "${name}": ${String(error)}; see the cause`, error);
  });
  return {
    send: (bytes) => socket !== undefined && !socket.destroyed && (socket.write(bytes), true),
    close() {
      flush();
      stopListening(server);
      socket?.destroy();
    },
  };
}

function stopListening(server: Server): void {
  if (server.listening) server.close();
}
