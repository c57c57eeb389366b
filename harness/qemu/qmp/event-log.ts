import { RecentLog } from '../socket/recent-log.js';
import { QmpTimeoutError } from './errors.js';
import type { QmpTimestamp } from './message.js';

/** One event as it was received. `data` has the shape that QEMU's schema promises; it is not validated. */
export interface QmpEvent<Name extends string = string, Data = unknown> {
  /** Position among all events of this connection, from 0; dropped events keep their numbers. */
  readonly seq: number;
  readonly name: Name;
  /** The event's data; an empty object when QEMU sent none. */
  readonly data: Data;
  /** QEMU's clock at emission; `undefined` when the message carried no usable one. */
  readonly timestamp: QmpTimestamp | undefined;
  /** Monotonic host milliseconds at reception, from the client's `now`. */
  readonly receivedAtMs: number;
}

/** How to wait for an event. */
export interface WaitForEventOptions<Event extends QmpEvent = QmpEvent> {
  /** Selects among events of that name; when it throws, the wait fails with that error. */
  readonly predicate?: ((event: Event) => boolean) | undefined;
  /** Milliseconds; default is the client's `deadlineMs`. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Also match events that arrived already, from this sequence number on: a `client.eventMark` that was taken
   * earlier, or 0 for all. Without it only events after the call count.
   */
  readonly since?: number | undefined;
}

/** A bounded log of events, and the waits for one. */
export class EventLog {
  readonly #log: RecentLog<QmpEvent>;

  /** Keeps at most `limit` events; the oldest is dropped first. */
  constructor(limit: number) {
    this.#log = new RecentLog(limit);
  }

  /** The kept events, oldest first; a live view. */
  get events(): readonly QmpEvent[] {
    return this.#log.items;
  }

  /** How many events were dropped because of the limit. */
  get dropped(): number {
    return this.#log.dropped;
  }

  /** The sequence number that the next event will have. */
  get mark(): number {
    return this.#log.mark;
  }

  /** Records an event and resolves the waits that it matches. */
  append(event: Omit<QmpEvent, 'seq'>): QmpEvent {
    return this.#log.append((seq) => ({ seq, ...event }));
  }

  /** Resolves with the first matching event: kept ones from `since` on, then those to come. */
  waitFor(name: string, deadlineMs: number, options: WaitForEventOptions): Promise<QmpEvent> {
    const { since = this.mark, predicate = () => true, signal } = options;
    const lost = since < this.dropped ? '; older events had been dropped, raise eventsKept' : '';
    return this.#log.next((event) => event.name === name && predicate(event), {
      deadlineMs,
      signal,
      since,
      timeoutError: () =>
        new QmpTimeoutError(
          `cannot wait for QMP event "${name}": none came within ${deadlineMs} ms${lost}`,
          deadlineMs,
        ),
    });
  }

  /** Fails all waits: no further event can come. */
  failWaiters(makeError: () => Error): void {
    this.#log.failWaiters(makeError);
  }
}
