import { Fault } from '../../model/fault.js';
import { excerpt } from './observation.js';

/** Base of every error that this client raises itself; `signal.reason` is thrown unchanged. */
export class GdbError extends Fault {
  constructor(message: string, options?: { cause?: unknown }) {
    super('harness', message, options);
    this.name = new.target.name;
  }
}

/** Something did not happen within its deadline. The connection stays usable unless it was the handshake. */
export class GdbTimeoutError extends GdbError {
  readonly deadlineMs: number;

  constructor(message: string, deadlineMs: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.deadlineMs = deadlineMs;
  }
}

/** The connection is gone: QEMU died, the peer hung up, or it was closed from this side. */
export class GdbClosedError extends GdbError {
  /** Why it closed, one line. */
  readonly reason: string;

  constructor(what: string, reason: string, cause?: unknown) {
    super(`cannot ${what}: ${reason}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** The peer does not follow the remote protocol, exceeded a bound, or sent an invalid answer. */
export class GdbProtocolError extends GdbError {}

/** The stub refused: an `Exx` reply, or the empty reply that means "not supported" (`code` is `undefined`). */
export class GdbRemoteError extends GdbError {
  /** The packet that was refused. */
  readonly packet: string;
  /** The number in `Exx`: QEMU uses 0x22 for bad arguments and 0x14 for memory that is not mapped. */
  readonly code: number | undefined;

  constructor(what: string, packet: string, code: number | undefined, why: string) {
    super(`cannot ${what}: ${why}`);
    this.packet = packet;
    this.code = code;
  }
}

/**
 * The call is not possible in this state: the guest runs (any byte would stop it), or a limit of the hardware is
 * reached.
 */
export class GdbStateError extends GdbError {}

/** The error of an `Exx` or empty reply. */
export function remoteError(what: string, packet: string, reply: string): GdbRemoteError {
  const code = /^E([0-9a-f]{2})$/iu.exec(reply)?.[1];
  const why =
    code === undefined
      ? `the stub does not support "${excerpt(packet)}"`
      : `the stub answered E${code} to "${excerpt(packet)}"`;
  return new GdbRemoteError(what, packet, code === undefined ? undefined : Number.parseInt(code, 16), why);
}
