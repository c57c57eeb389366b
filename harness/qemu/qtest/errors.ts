import { Fault } from '../../model/fault.js';

/** Base of every error that this client raises itself; `signal.reason` is thrown unchanged. */
export class QtestError extends Fault {
  constructor(message: string, options?: { cause?: unknown }) {
    super('harness', message, options);
    this.name = new.target.name;
  }
}

/**
 * An answer did not come within its deadline. The connection stays usable: a late answer is recognised by its position.
 */
export class QtestTimeoutError extends QtestError {
  readonly deadlineMs: number;

  constructor(message: string, deadlineMs: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.deadlineMs = deadlineMs;
  }
}

/** The connection is gone: QEMU died, hung up, or it was closed from this side. */
export class QtestClosedError extends QtestError {}

/** QEMU refused a command (`FAIL ...`), or sent an invalid answer. */
export class QtestProtocolError extends QtestError {}
