/** A connection to a server that can be slow, silent or cut, as a network is. */
import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

export interface TcpProxy {
  readonly port: number;
  /** Lets nothing more through; the connections stay open. */
  stall(): void;
  /** Ends all connections at once. */
  cut(): void;
  /** Ends all connections, and takes no new ones. */
  stop(): void;
}

/** Listens on 127.0.0.1 for a server's port there; what passes comes `delayMs` late in each direction. */
export async function startProxy(
  t: Test,
  serverPort: number,
  { delayMs = 0 }: { readonly delayMs?: number } = {},
): Promise<TcpProxy> {
  let isStalled = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      const later = (act: () => void) => {
        if (!isStalled) setTimeout(act, delayMs);
      };
      from.on('data', (bytes: Buffer) => later(() => to.write(bytes)));
      from.on('end', () => later(() => to.end()));
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        later(() => to.destroy());
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(() => {
    cut();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    stall() {
      isStalled = true;
    },
    cut,
    stop() {
      server.close();
      cut();
    },
  };
}
