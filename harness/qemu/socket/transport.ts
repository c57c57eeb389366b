/** Reports of a transport to its owner. Nothing is reported after `onClose`. */
export interface TransportHandlers {
  readonly onBytes: (bytes: Uint8Array) => void;
  /** The connection ended; `reason` is one line, `cause` an operating system or WebSocket error. */
  readonly onClose: (reason: string, cause?: unknown) => void;
}

/** An open byte stream to QEMU. */
export interface Transport {
  /** Queues text; what the peer does not read is kept in memory. */
  send(text: string): void;
  /** Drops the connection at once; `onClose` follows. */
  destroy(): void;
}

/** Opens a stream once. An error with the code ENOENT or ECONNREFUSED means that nothing listens there yet. */
export type OpenStream = (handlers: TransportHandlers, signal: AbortSignal) => Promise<Transport>;

/** Reports of a socket while its stream is being opened. */
export interface OpeningEvents {
  readonly opened: (transport: Transport) => void;
  /** The socket is closed. `error` is the attempt's error when it had not been open. */
  readonly closed: (end: {
    readonly reason: string;
    readonly cause?: unknown;
    readonly error: Error;
  }) => void;
}

/**
 * Waits until a socket that `start` made is open. An abort destroys it.
 *
 * @throws the error of a socket that closed before it was open, or `signal.reason`.
 */
export function openTransport(
  start: (events: OpeningEvents) => { readonly destroy: () => void },
  handlers: TransportHandlers,
  signal: AbortSignal,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    let isOpen = false;
    const socket = start({
      opened: (transport) => {
        isOpen = true;
        signal.removeEventListener('abort', giveUp);
        resolve(transport);
      },
      closed: ({ reason, cause, error }) => {
        signal.removeEventListener('abort', giveUp);
        if (isOpen) handlers.onClose(reason, cause);
        else reject(error);
      },
    });
    const giveUp = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
