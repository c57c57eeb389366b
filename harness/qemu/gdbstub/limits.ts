import { boundedWait, type BoundedWait, type WaitLimits } from '../socket/bounded-wait.js';
import { GdbTimeoutError } from './errors.js';

/** The deadline of an operation, and a signal that ends it early. */
export interface GdbCallOptions {
  /** Milliseconds; default is the client's `deadlineMs`. */
  readonly deadlineMs?: number | undefined;
  /** Fails the operation with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** One operation under way: several packets share its deadline. */
export interface Limits {
  /** The operation, for messages: `read registers of vCPU "1"`. */
  readonly what: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  readonly startedMs: number;
}

/** Starts the clock of an operation. */
export function startLimits(what: string, options: GdbCallOptions, defaultMs: number): Limits {
  return {
    what,
    deadlineMs: options.deadlineMs ?? defaultMs,
    signal: options.signal,
    startedMs: performance.now(),
  };
}

/** Limits of a wait of an operation; `missing` is the message for a timeout. */
export function waitLimits(limits: Limits, missing: string): WaitLimits {
  const { what, deadlineMs, signal, startedMs } = limits;
  // boundedWait refuses an invalid deadline; one that has passed ends as a timeout.
  const leftMs = deadlineMs > 0 ? Math.max(1, deadlineMs - (performance.now() - startedMs)) : deadlineMs;
  return {
    deadlineMs: leftMs,
    signal,
    timeoutError: () => new GdbTimeoutError(`cannot ${what}: ${missing} within ${deadlineMs} ms`, deadlineMs),
  };
}

/** A wait that ends when the operation's time is up. */
export function waitWithin<T>(limits: Limits, missing: string, onOver?: () => void): BoundedWait<T> {
  return boundedWait<T>({ ...waitLimits(limits, missing), onOver });
}
