import { connect } from 'node:net';
import { openTransport } from '../../qemu/socket/transport.js';
import type { SocketTarget } from '../../qemu/socket/connect-when-listening.js';

/** `HOST:PORT`; a host in brackets may hold colons. */
const TCP = /^(?:\[([\da-f:.]+)\]|([\w.-]*)):(\d{1,5})$/i;
const MOST_PORT = 65_535;

/** Where a monitor or a gdbstub listens: the path of a Unix socket (also `unix:PATH`), or `HOST:PORT`. */
export function socketTarget(name: string): SocketTarget {
  const path = /^unix:([^,]+)/.exec(name)?.[1];
  if (path !== undefined) return { path };
  const [, bracketed, plain, port = ''] = TCP.exec(name.replace(/^tcp:/, '')) ?? [];
  if (port === '' || Number(port) > MOST_PORT || name.includes('/')) return { path: name };
  const host = bracketed ?? (plain === undefined || plain === '' ? 'localhost' : plain);
  return {
    name,
    open: (handlers, signal) =>
      openTransport(
        ({ opened, closed }) => {
          let failure: Error | undefined;
          const socket = connect({ host, port: Number(port) });
          socket.setNoDelay(true);
          socket.on('error', (error) => {
            failure = error;
          });
          socket.on('data', handlers.onBytes);
          socket.on('connect', () =>
            opened({ send: (text) => socket.write(text), destroy: () => socket.destroy() }),
          );
          socket.on('close', () => {
            const reason =
              failure === undefined ? 'the peer closed the connection' : `it broke (${failure.message})`;
            closed({ reason, cause: failure, error: failure ?? new Error('it closed while it was opened') });
          });
          return { destroy: () => socket.destroy() };
        },
        handlers,
        signal,
      ),
  };
}
