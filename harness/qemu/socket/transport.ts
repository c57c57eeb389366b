import { connect, type Socket } from 'node:net';
import { WebSocket, type RawData } from 'ws';
import { oneLine, QmpProtocolError } from '../qmp/errors.js';

/** Where the monitor listens: a Unix socket, or a WebSocket (`ws:`, `wss:` or `ws+unix:/path.sock:/`). */
export type QmpTarget = { readonly path: string } | { readonly url: string };

/** What a transport tells its owner. Nothing is reported after `onClose`. */
export interface TransportHandlers {
  readonly onBytes: (bytes: Uint8Array) => void;
  /** The connection ended; `reason` is one line, `cause` an operating system or WebSocket error. */
  readonly onClose: (reason: string, cause?: unknown) => void;
}

/** An open byte stream to a monitor. */
export interface Transport {
  send(text: string): void;
  /** Drops the connection at once; `onClose` follows. */
  destroy(): void;
}

/** What `openTransport` may use and do. */
export interface OpenLimits {
  /** Bound on one WebSocket frame in bytes. */
  readonly maxMessageBytes: number;
  /** Gives up: the promise rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/** `sun_path` of Linux holds 108 bytes with its terminating zero. */
const MAX_UNIX_PATH_BYTES = 107;

/**
 * Connects once, without retries.
 *
 * @throws the operating system's error (with `code`), a WebSocket handshake error, or `signal.reason`.
 */
export function openTransport(
  target: QmpTarget,
  handlers: TransportHandlers,
  limits: OpenLimits,
): Promise<Transport> {
  return 'path' in target
    ? openUnixSocket(target.path, handlers, limits.signal)
    : openWebSocket(target.url, handlers, limits);
}

/** True for the errors of a listener that is not there yet: no socket file, or nobody accepts on it. */
export function isNotListeningYet(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

function openUnixSocket(path: string, handlers: TransportHandlers, signal: AbortSignal): Promise<Transport> {
  const pathBytes = Buffer.byteLength(path);
  if (pathBytes > MAX_UNIX_PATH_BYTES) {
    // A longer path is cut off silently on the way to the kernel, and the wrong socket is looked for.
    throw new RangeError(
      `cannot connect to Unix socket "${path}": ${pathBytes} bytes exceed ${MAX_UNIX_PATH_BYTES}; use a shorter directory`,
    );
  }
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    let opened = false;
    const socket: Socket = connect({ path });
    const giveUp = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('data', handlers.onBytes);
    socket.on('connect', () => {
      opened = true;
      signal.removeEventListener('abort', giveUp);
      resolve({ send: (text) => socket.write(text), destroy: () => socket.destroy() });
    });
    socket.on('close', () => {
      signal.removeEventListener('abort', giveUp);
      if (opened) handlers.onClose(describeClose(failure), failure);
      else reject(failure ?? new Error('connection closed while it was being opened'));
    });
  });
}

function openWebSocket(url: string, handlers: TransportHandlers, limits: OpenLimits): Promise<Transport> {
  const { signal, maxMessageBytes } = limits;
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    let opened = false;
    // QEMU speaks the `binary` subprotocol and has no compression.
    const socket = new WebSocket(url, ['binary'], { perMessageDeflate: false, maxPayload: maxMessageBytes });
    socket.binaryType = 'nodebuffer';
    const giveUp = (): void => {
      socket.terminate();
      reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('message', (data) => {
      handlers.onBytes(frameBytes(data));
    });
    socket.on('open', () => {
      opened = true;
      signal.removeEventListener('abort', giveUp);
      resolve({
        // QEMU closes with 1003 on a text frame, so the text travels as bytes.
        send: (text) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(Buffer.from(text));
        },
        destroy: () => socket.terminate(),
      });
    });
    socket.on('close', (code, reason) => {
      signal.removeEventListener('abort', giveUp);
      const said = reason.length === 0 ? `code ${code}` : `code ${code}, ${reason.toString()}`;
      if (!opened) reject(failure ?? new Error(`WebSocket handshake failed (${said})`));
      else if (failure === undefined) handlers.onClose(`the peer closed it (${said})`);
      else handlers.onClose(`the connection broke (${failure.message})`, asProtocolError(failure));
    });
  });
}

function describeClose(failure: Error | undefined): string {
  return failure === undefined
    ? 'the peer closed the connection'
    : `the connection broke (${failure.message})`;
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
