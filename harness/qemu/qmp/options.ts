import { DEFAULT_MAX_MESSAGE_BYTES } from './framing.js';
import type { QmpMessage } from './message.js';
import type { QmpObservation } from './observation.js';

/** Options of `connectQmp`; all have a default. */
export interface QmpOptions {
  /** Milliseconds until the monitor is usable: connecting with retries, greeting, negotiation; 10,000. */
  readonly connectDeadlineMs?: number | undefined;
  /** Default deadline of a command or an event wait, milliseconds; 10,000. */
  readonly deadlineMs?: number | undefined;
  /** Gives up connecting, with `signal.reason`; has no effect afterwards. Fire it when QEMU's process ends. */
  readonly signal?: AbortSignal | undefined;
  /** Enable out-of-band execution when QEMU offers it; false. See `QmpClient.oobEnabled`. */
  readonly oob?: boolean | undefined;
  /** Bound on one received message; 64 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /** How many events `QmpClient.events` keeps; 10,000. The oldest is dropped first and counted. */
  readonly eventsKept?: number | undefined;
  /** How many observations `QmpClient.observations` keeps; 1,000. */
  readonly observationsKept?: number | undefined;
  /** Monotonic milliseconds for reception times; `performance.now`. Timers do not use it. */
  readonly now?: (() => number) | undefined;
  /** The end of QEMU's stderr as collected by the caller, for `QmpClosedError`; called once, when it closed. */
  readonly stderrTail?: (() => string) | undefined;
  /** Called for every message both ways, handshake included, in order. */
  readonly onMessage?:
    | ((direction: 'sent' | 'received', message: QmpMessage, atMs: number) => void)
    | undefined;
  /** Called for every observation. */
  readonly onObservation?: ((observation: QmpObservation) => void) | undefined;
}

/** The options of a connection, defaults filled in. */
export interface ConnectionOptions
  extends Pick<QmpOptions, 'stderrTail' | 'onMessage' | 'onObservation'>,
    Readonly<Record<'deadlineMs' | 'maxMessageBytes' | 'eventsKept' | 'observationsKept', number>> {
  readonly now: () => number;
}

/** Default of `connectDeadlineMs` and `deadlineMs`. */
export const DEFAULT_DEADLINE_MS = 10_000;

/** Fills in the defaults. */
export function withDefaults(options: QmpOptions): ConnectionOptions {
  return {
    deadlineMs: options.deadlineMs ?? DEFAULT_DEADLINE_MS,
    maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    eventsKept: options.eventsKept ?? 10_000,
    observationsKept: options.observationsKept ?? 1_000,
    now: options.now ?? (() => performance.now()),
    stderrTail: options.stderrTail,
    onMessage: options.onMessage,
    onObservation: options.onObservation,
  };
}
