/** One JSON object as it travelled, in either direction. */
export type QmpMessage = Readonly<Record<string, unknown>>;

/** QEMU's host clock when an event was emitted; both -1 when QEMU could not read it. */
export interface QmpTimestamp {
  /** Seconds since the Unix epoch. */
  readonly seconds: number;
  /** Microseconds within that second. */
  readonly microseconds: number;
}

/** QEMU's first message: its version and the capabilities that it offers (`oob` since QEMU 2.12). */
export interface QmpGreeting {
  readonly version: {
    readonly major: number;
    readonly minor: number;
    readonly micro: number;
    /** The packager's suffix, e.g. `Debian 1:7.2+dfsg-7`; empty when QEMU sends none. */
    readonly package: string;
  };
  readonly capabilities: readonly string[];
}

/** A received message sorted by its shape, see QEMU's docs/interop/qmp-spec. */
export type SortedMessage =
  | { readonly kind: 'greeting'; readonly greeting: QmpGreeting }
  | { readonly kind: 'return'; readonly id: unknown; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: unknown; readonly errorClass: string; readonly desc: string }
  | {
      readonly kind: 'event';
      readonly name: string;
      readonly data: unknown;
      readonly timestamp: QmpTimestamp | undefined;
    }
  | { readonly kind: 'unrecognized' };

/** Sorts a message; one with none of the forms of QMP is `unrecognized`, never an exception. */
export function sortMessage(message: QmpMessage): SortedMessage {
  if (typeof message['event'] === 'string') {
    return {
      kind: 'event',
      name: message['event'],
      data: message['data'] ?? {},
      timestamp: readTimestamp(message['timestamp']),
    };
  }
  if (Object.hasOwn(message, 'return')) {
    return { kind: 'return', id: message['id'], value: message['return'] };
  }
  const error = message['error'];
  if (isRecord(error)) {
    return {
      kind: 'error',
      id: message['id'],
      errorClass: typeof error['class'] === 'string' ? error['class'] : 'unknown class',
      desc: typeof error['desc'] === 'string' ? error['desc'] : 'no description',
    };
  }
  const greeting = readGreeting(message['QMP']);
  return greeting === undefined ? { kind: 'unrecognized' } : { kind: 'greeting', greeting };
}

function readTimestamp(value: unknown): QmpTimestamp | undefined {
  if (!isRecord(value)) return undefined;
  const { seconds, microseconds } = value;
  return typeof seconds === 'number' && typeof microseconds === 'number'
    ? { seconds, microseconds }
    : undefined;
}

function readGreeting(value: unknown): QmpGreeting | undefined {
  if (!isRecord(value) || !isRecord(value['version']) || !Array.isArray(value['capabilities']))
    return undefined;
  const version = value['version'];
  const qemu = version['qemu'];
  if (!isRecord(qemu)) return undefined;
  const { major, minor, micro } = qemu;
  if (typeof major !== 'number' || typeof minor !== 'number' || typeof micro !== 'number') return undefined;
  const packaged = version['package'];
  return {
    version: { major, minor, micro, package: typeof packaged === 'string' ? packaged : '' },
    // Future capabilities may have another form; only names can be enabled by name.
    capabilities: value['capabilities'].filter((entry) => typeof entry === 'string'),
  };
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
