import { connect } from 'node:net';
import { openTransport, type Transport, type TransportHandlers } from './transport.js';

/** `sun_path` of Linux holds 108 bytes with its terminating zero. */
const MAX_UNIX_PATH_BYTES = 107;

/**
 * Connects to a Unix socket once, without retries.
 *
 * @throws the operating system's error (with `code`), a RangeError for a path that is too long, or `signal.reason`.
 */
export function openUnixSocket(
  path: string,
  handlers: TransportHandlers,
  signal: AbortSignal,
): Promise<Transport> {
  const pathBytes = Buffer.byteLength(path);
  if (pathBytes > MAX_UNIX_PATH_BYTES) {
    // A longer path is truncated silently, and the wrong socket is opened.
    throw new RangeError(
      `cannot connect to Unix socket "${path}": ${pathBytes} bytes exceed ${MAX_UNIX_PATH_BYTES}; use a shorter directory`,
    );
  }
  return openTransport(
    ({ opened, closed }) => {
      let failure: Error | undefined;
      const socket = connect({ path });
      socket.on('error', (error) => {
        failure = error;
      });
      socket.on('data', handlers.onBytes);
      socket.on('connect', () => {
        opened({ send: (text) => socket.write(text), destroy: () => socket.destroy() });
      });
      socket.on('close', () => {
        closed({
          reason: describeClose(failure),
          cause: failure,
          error: failure ?? new Error('connection closed while it was being opened'),
        });
      });
      return { destroy: () => socket.destroy() };
    },
    handlers,
    signal,
  );
}

/** True for the errors of a listener that is not there yet: no socket file, or no process accepts on it. */
export function isNotListeningYet(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

function describeClose(failure: Error | undefined): string {
  return failure === undefined
    ? 'the peer closed the connection'
    : `the connection broke (${failure.message})`;
}
