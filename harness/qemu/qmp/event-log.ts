import { boundedWait, type BoundedWait } from '../socket/bounded-wait.js';
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
  /** Which event of that name is meant; when it throws, the wait fails with what it threw. */
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

interface Waiter {
  readonly matches: (event: QmpEvent) => boolean;
  readonly wait: BoundedWait<QmpEvent>;
}

/** The bounded memory of events, and those who wait for one. */
export class EventLog {
  readonly #limit: number;
  readonly #events: QmpEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  #nextSeq = 0;

  /** Keeps at most `limit` events; the oldest goes first. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The kept events, oldest first; a live view. */
  get events(): readonly QmpEvent[] {
    return this.#events;
  }

  /** How many events were forgotten because of the limit. */
  get dropped(): number {
    return this.#nextSeq - this.#events.length;
  }

  /** The sequence number that the next event will have. */
  get mark(): number {
    return this.#nextSeq;
  }

  /** Records an event and serves everyone who waits for it. */
  append(event: Omit<QmpEvent, 'seq'>): QmpEvent {
    const recorded: QmpEvent = { seq: this.#nextSeq, ...event };
    this.#nextSeq += 1;
    this.#events.push(recorded);
    if (this.#events.length > this.#limit) this.#events.shift();
    for (const waiter of Array.from(this.#waiters)) offer(recorded, waiter);
    return recorded;
  }

  /** Resolves with the first matching event: kept ones from `since` on, then those to come. */
  waitFor(name: string, deadlineMs: number, options: WaitForEventOptions): Promise<QmpEvent> {
    const since = options.since ?? this.#nextSeq;
    const droppedBefore = (this.#events[0]?.seq ?? this.#nextSeq) > since;
    let waiter: Waiter | undefined;
    const wait = boundedWait<QmpEvent>({
      deadlineMs,
      signal: options.signal,
      timeoutError: () => {
        const lost = droppedBefore ? '; older events had been dropped, raise eventsKept' : '';
        return new QmpTimeoutError(
          `cannot wait for QMP event "${name}": none came within ${deadlineMs} ms${lost}`,
          deadlineMs,
        );
      },
      onOver: () => {
        if (waiter !== undefined) this.#waiters.delete(waiter);
      },
    });
    const predicate = options.predicate ?? (() => true);
    waiter = { matches: (event) => event.name === name && predicate(event), wait };
    if (options.signal?.aborted === true) return wait.promise;
    this.#waiters.add(waiter);
    for (const event of this.#events) {
      if (!this.#waiters.has(waiter)) break;
      if (event.seq >= since) offer(event, waiter);
    }
    return wait.promise;
  }

  /** Fails everyone who still waits: no further event can come. */
  failWaiters(makeError: () => Error): void {
    for (const waiter of Array.from(this.#waiters)) waiter.wait.reject(makeError());
  }
}

function offer(event: QmpEvent, waiter: Waiter): void {
  try {
    if (waiter.matches(event)) waiter.wait.resolve(event);
  } catch (error) {
    waiter.wait.reject(error);
  }
}
