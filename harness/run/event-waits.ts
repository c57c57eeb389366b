import type { EventOf, EventType, RunEvent } from '../model/event.js';

/** Thrown out of every wait once the run has ended; the reason is in the recording. */
export class RunEnded extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'RunEnded';
  }
}

/** The event of a wait: one of these types that passes the test. */
export interface WantedEvent<T extends EventType> {
  readonly types: T | readonly T[];
  readonly test: (event: EventOf<T>) => boolean;
}

interface Waiter {
  readonly offer: (event: RunEvent) => void;
  readonly reject: (error: unknown) => void;
}

/** Calls `act` when a deadline has passed; the returned function cancels that. */
export type Deadline = (
  limitMs: number,
  act: () => void,
  options: { readonly whileProgress: boolean },
) => () => void;

/** The pending waits of a run. All of them end with the run. */
export class EventWaits {
  readonly #after: Deadline;
  readonly #pending = new Set<Waiter>();
  #why: string | undefined;

  constructor(after: Deadline) {
    this.#after = after;
  }

  /** Why the run ended; undefined while it lasts. */
  get ended(): string | undefined {
    return this.#why;
  }

  /** Ends the run: every wait rejects with {@link RunEnded}. The first reason counts. */
  end(why: string): void {
    this.#why ??= why;
    for (const waiter of this.#pending) waiter.reject(new RunEnded(this.#why));
  }

  /** Resolves the waits for this event. An error of a wait's test rejects that wait. */
  offer(event: RunEvent): void {
    for (const waiter of this.#pending) {
      try {
        waiter.offer(event);
      } catch (error) {
        waiter.reject(error);
      }
    }
  }

  /**
   * The first matching event: one of `seen`, or one that is offered. Undefined when the deadline has passed and `late`
   * has been called, after `lastLook`, in which the event may still come. Throws {@link RunEnded} when the run ends.
   */
  async next<T extends EventType>(
    { types, test }: WantedEvent<T>,
    seen: readonly RunEvent[],
    {
      limitMs,
      whileProgress,
      late,
      lastLook,
    }: {
      readonly limitMs: number;
      readonly whileProgress: boolean;
      readonly late?: () => void;
      readonly lastLook?: (() => Promise<void>) | undefined;
    },
  ): Promise<EventOf<T> | undefined> {
    const wanted: readonly EventType[] = typeof types === 'string' ? [types] : types;
    const is = (event: RunEvent): event is EventOf<T> => wanted.includes(event.type);
    const found = seen.filter(is).find(test);
    if (found !== undefined) return found;
    if (this.#why !== undefined) throw new RunEnded(this.#why);
    let cancel: (() => void) | undefined;
    let waiter: Waiter | undefined;
    let isOver = false;
    try {
      return await new Promise<EventOf<T> | undefined>((resolve, reject) => {
        waiter = {
          offer: (event) => {
            if (is(event) && test(event)) resolve(event);
          },
          reject,
        };
        this.#pending.add(waiter);
        const pass = () => {
          if (isOver || this.#why !== undefined) return;
          late?.();
          resolve(undefined);
        };
        const look = () => {
          if (lastLook === undefined) pass();
          else lastLook().then(pass, reject);
        };
        cancel = this.#after(limitMs, look, { whileProgress });
      });
    } finally {
      isOver = true;
      cancel?.();
      if (waiter !== undefined) this.#pending.delete(waiter);
    }
  }

  /**
   * Waits for work that takes no signal. Throws {@link RunEnded} when the run ends first; the result of the work is
   * dropped then.
   */
  async orEnded<T>(work: Promise<T>): Promise<T> {
    let waiter: Waiter | undefined;
    const ended = new Promise<never>((_, reject) => {
      if (this.#why !== undefined) reject(new RunEnded(this.#why));
      waiter = { offer: () => undefined, reject };
      this.#pending.add(waiter);
    });
    try {
      return await Promise.race([work, ended]);
    } finally {
      if (waiter !== undefined) this.#pending.delete(waiter);
    }
  }
}
