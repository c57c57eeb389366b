import { DEFAULT_MAX_PACKET_BYTES } from './framing.js';
import type { GdbObservation } from './observation.js';
import type { GdbStop } from './stop-log.js';

/** The direction of a packet. */
export type GdbDirection = 'sent' | 'received';

/** Options of `connectGdb`; all have a default. */
export interface GdbOptions {
  /** Milliseconds until the stub is usable: connecting with retries and the handshake; 10,000. */
  readonly connectDeadlineMs?: number | undefined;
  /** Default deadline of an operation, milliseconds; 5,000. */
  readonly deadlineMs?: number | undefined;
  /** Gives up connecting, with `signal.reason`; has no effect afterwards. */
  readonly signal?: AbortSignal | undefined;
  /** With `kvm` the number of hardware breakpoints and watchpoints is limited to the debug registers'; `tcg`. */
  readonly accel?: 'tcg' | 'kvm' | undefined;
  /**
   * Turn acknowledgements off when the stub offers that; false. They are useful: the acknowledgement of a resume
   * distinguishes an earlier stop from the one that ends the resume.
   */
  readonly noAck?: boolean | undefined;
  /** Bound on one received packet in bytes; 1 MiB. */
  readonly maxPacketBytes?: number | undefined;
  /** How many stops `GdbClient.stops` keeps; 100,000. */
  readonly stopsKept?: number | undefined;
  /** How many observations `GdbClient.observations` keeps; 1,000. */
  readonly observationsKept?: number | undefined;
  /** Monotonic milliseconds for reception times; `performance.now`. Timers do not use it. */
  readonly now?: (() => number) | undefined;
  /**
   * Every packet both ways, handshake included, in order: its payload, one character per byte, bounded by
   * `maxPacketBytes`. An interrupt is the packet `\x03`; a notification starts with `%`. Acknowledgements are not
   * reported.
   */
  readonly onPacket?: ((direction: GdbDirection, text: string, atMs: number) => void) | undefined;
  /** Called for every stop, those during the handshake included. */
  readonly onStop?: ((stop: GdbStop) => void) | undefined;
  /** Called for every observation. */
  readonly onObservation?: ((observation: GdbObservation) => void) | undefined;
}

/** The options of a link, defaults filled in. */
export interface LinkOptions extends Pick<GdbOptions, 'onPacket' | 'onStop' | 'onObservation'> {
  readonly maxPacketBytes: number;
  readonly stopsKept: number;
  readonly observationsKept: number;
  readonly now: () => number;
}

/** Default of `connectDeadlineMs`. */
export const DEFAULT_CONNECT_DEADLINE_MS = 10_000;
/** Default of `deadlineMs`. */
export const DEFAULT_DEADLINE_MS = 5_000;

/** Fills in the defaults. */
export function linkOptions(options: GdbOptions): LinkOptions {
  return {
    maxPacketBytes: options.maxPacketBytes ?? DEFAULT_MAX_PACKET_BYTES,
    stopsKept: options.stopsKept ?? 100_000,
    observationsKept: options.observationsKept ?? 1_000,
    now: options.now ?? (() => performance.now()),
    onPacket: options.onPacket,
    onStop: options.onStop,
    onObservation: options.onObservation,
  };
}
