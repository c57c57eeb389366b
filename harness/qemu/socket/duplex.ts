import type { Duplex } from 'node:stream';
import { openTransport, type OpenStream } from './transport.js';

/** Opens a stream that `connect` makes, once. */
export function openDuplex(connect: () => Promise<Duplex>): OpenStream {
  return async (handlers, signal) => {
    const stream = await connect();
    if (signal.aborted) {
      stream.destroy();
      throw signal.reason;
    }
    // Bytes may have come already; they are kept until there is a listener.
    return openTransport(
      ({ opened, closed }) => {
        let failure: Error | undefined;
        stream.on('error', (error: Error) => {
          failure = error;
        });
        stream.on('data', handlers.onBytes);
        // The other end is gone: nothing that is sent has a reader.
        stream.once('end', () => stream.destroy());
        const end = () => {
          closed({
            reason:
              failure === undefined
                ? 'the peer closed the connection'
                : `the connection broke (${failure.message})`,
            cause: failure,
            error: failure ?? new Error('connection closed while it was being opened'),
          });
        };
        // It may have ended before anybody listened.
        if (stream.destroyed) queueMicrotask(end);
        else stream.once('close', end);
        // The events of an attempt are attached when this returns.
        queueMicrotask(() => {
          opened({ send: (text) => stream.write(text), destroy: () => stream.destroy() });
        });
        return { destroy: () => stream.destroy() };
      },
      handlers,
      signal,
    );
  };
}
