import { type RawData, WebSocket } from 'ws';
import { oneLine } from '../socket/one-line.js';
import { openTransport, type Transport, type TransportHandlers } from '../socket/transport.js';
import { QmpProtocolError } from './errors.js';

/** What `openWebSocket` may use and do. */
export interface WebSocketLimits {
  /** Bound on one frame in bytes. */
  readonly maxMessageBytes: number;
  /** Gives up: the promise rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/**
 * Connects to a WebSocket once, without retries.
 *
 * @throws the operating system's error (with `code`), a WebSocket handshake error, or `signal.reason`.
 */
export function openWebSocket(
  url: string,
  handlers: TransportHandlers,
  { signal, maxMessageBytes }: WebSocketLimits,
): Promise<Transport> {
  return openTransport(
    ({ opened, closed }) => {
      let failure: Error | undefined;
      // QEMU uses the `binary` subprotocol without compression.
      const socket = new WebSocket(url, ['binary'], {
        perMessageDeflate: false,
        maxPayload: maxMessageBytes,
      });
      socket.binaryType = 'nodebuffer';
      socket.on('error', (error) => {
        failure = error;
      });
      socket.on('message', (data) => {
        handlers.onBytes(frameBytes(data));
      });
      socket.on('open', () => {
        opened({
          // QEMU closes with 1003 on a text frame, so the text is sent as bytes.
          send: (text) => {
            if (socket.readyState === WebSocket.OPEN) socket.send(Buffer.from(text));
          },
          destroy: () => socket.terminate(),
        });
      });
      socket.on('close', (code, why) => {
        const said = why.length === 0 ? `code ${code}` : `code ${code}, ${why.toString()}`;
        const error = failure ?? new Error(`WebSocket handshake failed (${said})`);
        if (failure === undefined) closed({ reason: `the peer closed it (${said})`, error });
        else
          closed({
            reason: `the connection broke (${failure.message})`,
            cause: asProtocolError(failure),
            error,
          });
      });
      return { destroy: () => socket.terminate() };
    },
    handlers,
    signal,
  );
}

function frameBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

/** `ws` marks violations of RFC 6455, frames beyond `maxPayload` among them, with codes of its own. */
function asProtocolError(failure: Error): Error {
  const violated = 'code' in failure && String(failure.code).startsWith('WS_ERR_');
  if (!violated) return failure;
  return new QmpProtocolError(`cannot read WebSocket frame: ${oneLine(failure.message)}`, { cause: failure });
}
