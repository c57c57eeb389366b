import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenStream, Transport, TransportHandlers } from './transport.js';
import { isNotListeningYet, openUnixSocket } from './unix-socket.js';

/** Pause between attempts while QEMU has not created its socket; QEMU needs about 50 ms for that. */
const RETRY_EVERY_MS = 20;

/** The owner of a stream. Bytes may arrive, and the stream may end, before it is attached. */
export interface StreamOwner {
  readonly handlers: TransportHandlers;
  attach(transport: Transport): void;
}

/** How long to try, and the message when the time is up. */
export interface ConnectLimits {
  /** Milliseconds for all attempts. */
  readonly deadlineMs: number;
  /** Gives up with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** For the message: `QMP monitor "qmp.sock"`. */
  readonly what: string;
  /** For the message: `is QEMU running?`. */
  readonly remedy: string;
  /** The error of a deadline that passed; its cause is the last attempt's error. */
  readonly timeoutError: new (
    message: string,
    deadlineMs: number,
    cause?: unknown,
  ) => Error;
}

/** A Unix socket of this host by its path, or a stream that the caller opens, with its name for messages. */
export type SocketTarget = { readonly path: string } | { readonly name: string; readonly open: OpenStream };

/** The target's name for messages. */
export function nameOfTarget(target: SocketTarget): string {
  return 'path' in target ? target.path : target.name;
}

/**
 * Connects to a socket and attaches the stream to an owner that is made anew for each attempt. Retries while nothing
 * listens yet, until the deadline.
 *
 * @throws `limits.timeoutError`, an attempt's own error when another try is hopeless (e.g. EACCES), the signal's reason.
 */
export function connectSocket<Owner extends StreamOwner>(
  target: SocketTarget,
  makeOwner: () => Owner,
  limits: ConnectLimits,
): Promise<Owner> {
  const open: OpenStream =
    'path' in target
      ? (handlers, signal) => openUnixSocket(target.path, handlers, signal)
      : (handlers, signal) => target.open(handlers, signal);
  return connectWhenListening(open, makeOwner, limits);
}

/** As {@link connectSocket}, for a stream of another kind. */
export async function connectWhenListening<Owner extends StreamOwner>(
  open: OpenStream,
  makeOwner: () => Owner,
  { deadlineMs, signal: given, what, remedy, timeoutError: TimeoutError }: ConnectLimits,
): Promise<Owner> {
  const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(deadlineMs)));
  const signal = given === undefined ? deadline : AbortSignal.any([given, deadline]);
  let lastError: unknown;
  while (!signal.aborted) {
    try {
      const owner = makeOwner();
      owner.attach(await open(owner.handlers, signal));
      return owner;
    } catch (error) {
      if (signal.aborted) break;
      if (!isNotListeningYet(error)) throw error;
      lastError = error;
    }
    // An abort ends the pause early; the loop's condition sees it.
    await sleep(RETRY_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  given?.throwIfAborted();
  const why = lastError instanceof Error ? lastError.message : 'no answer';
  throw new TimeoutError(
    `cannot connect to ${what} within ${deadlineMs} ms: ${why}; ${remedy}`,
    deadlineMs,
    lastError,
  );
}
