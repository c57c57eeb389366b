import { EXCERPT_CHARS, oneLine } from '../socket/one-line.js';

/** Base of every error that this client raises itself; `signal.reason` is thrown unchanged. */
export class QmpError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** QEMU answered a command with an error object. `errorClass` is QAPI's, e.g. `GenericError`. */
export class QmpCommandError extends QmpError {
  readonly command: string;
  readonly errorClass: string;
  readonly desc: string;

  constructor(command: string, errorClass: string, desc: string) {
    super(`cannot execute QMP command "${command}": ${oneLine(desc)} (${oneLine(errorClass)})`);
    this.command = command;
    this.errorClass = errorClass;
    this.desc = desc;
  }
}

/** Something did not happen within its deadline; the connection stays usable unless it was the handshake. */
export class QmpTimeoutError extends QmpError {
  readonly deadlineMs: number;

  constructor(message: string, deadlineMs: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.deadlineMs = deadlineMs;
  }
}

/** The connection is gone: QEMU died, the peer hung up, or `close()` was called. */
export class QmpClosedError extends QmpError {
  /** Why it closed, one line. */
  readonly reason: string;
  /** What `stderrTail()` returned when the connection closed, unescaped; `undefined` without that option. */
  readonly stderrTail: string | undefined;

  constructor(what: string, reason: string, stderrTail?: string, cause?: unknown) {
    const said =
      stderrTail === undefined || stderrTail.trim() === '' ? '' : `; QEMU said: ${quoteTail(stderrTail)}`;
    super(`cannot ${what}: ${reason}${said}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.stderrTail = stderrTail;
  }
}

/** The peer does not follow QMP or exceeded a bound, or the call needs a capability that was not negotiated. */
export class QmpProtocolError extends QmpError {}

/** The last lines of stderr matter most, so it is cut from the front. */
function quoteTail(text: string): string {
  const lines = text.slice(-EXCERPT_CHARS).split(/\r?\n/u);
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => oneLine(line))
    .join(' | ');
}
