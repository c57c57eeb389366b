import { endsRunAfterMs } from '../classify/terminal.js';
import type { EventOf, EventType, RunEvent } from '../model/event.js';
import type { HostFact, RunRecord } from '../model/record.js';
import type { Limits } from '../model/limits.js';
import type { Recorder } from '../store/recorder.js';
import { createTimeline } from '../timeline/timeline.js';

/** Thrown out of every wait once the run has ended; the reason is in the recording. */
export class RunEnded extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'RunEnded';
  }
}

interface Waiter {
  readonly offer: (event: RunEvent) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The live end of a recording: everything seen is recorded, read into events by the same timeline that re-judges
 * stored runs, and offered to whoever waits. The first terminal event ends the run.
 */
export class RunWatch {
  readonly events: RunEvent[] = [];
  readonly #recorder: Recorder;
  readonly #timeline;
  readonly #onEvent: ((event: RunEvent) => void) | undefined;
  readonly #waiters = new Set<Waiter>();
  /** The first event that will end the run, within its grace. */
  #ending: { readonly by: RunEvent; readonly timer: NodeJS.Timeout } | undefined;
  #why: string | undefined;
  #fired = false;
  #fault: unknown;

  constructor(recorder: Recorder, limits: Limits, onEvent?: (event: RunEvent) => void) {
    this.#recorder = recorder;
    this.#timeline = createTimeline(limits);
    this.#onEvent = onEvent;
  }

  /** Why the run ended; undefined while it goes on. */
  get ended(): string | undefined {
    return this.#why;
  }

  /** The error that kept the run from being recorded (a full disk), if any. */
  get fault(): unknown {
    return this.#fault;
  }

  /** Records something through `write` and reads it. A recording that fails ends the run. */
  take(write: (recorder: Recorder) => RunRecord): void {
    if (this.#fault !== undefined) return;
    try {
      this.#read(this.#timeline.push(write(this.#recorder)));
    } catch (error) {
      this.#fault = error;
      this.end('the recording failed');
    }
  }

  /** Records a host fact. */
  fact(fact: HostFact): void {
    this.take((recorder) => recorder.host(fact));
  }

  /**
   * Waits for an event of the given types, seen already or still to come. After `limitMs` a deadline named `what` is
   * recorded and the run ends; with `soft`, the wait resolves to undefined instead. Throws {@link RunEnded} when the
   * run ends.
   */
  async waitFor<T extends EventType>(
    types: T | readonly T[],
    test: (event: EventOf<T>) => boolean,
    options: { what: string; limitMs: number; soft?: boolean },
  ): Promise<EventOf<T> | undefined> {
    const wanted: readonly EventType[] = typeof types === 'string' ? [types] : types;
    const is = (event: RunEvent): event is EventOf<T> => wanted.includes(event.type);
    const seen = this.events.filter(is).find(test);
    if (seen !== undefined) return seen;
    if (this.#why !== undefined) throw new RunEnded(this.#why);
    let timer: NodeJS.Timeout | undefined;
    let waiter: Waiter | undefined;
    try {
      return await new Promise<EventOf<T> | undefined>((resolve, reject) => {
        waiter = {
          offer: (event) => {
            if (is(event) && test(event)) resolve(event);
          },
          reject,
        };
        this.#waiters.add(waiter);
        timer = setTimeout(() => {
          if (options.soft === true) {
            resolve(undefined);
            return;
          }
          this.fact({ fact: 'deadline', what: options.what, limitMs: options.limitMs });
          this.end(`${options.what} did not end in time`);
        }, options.limitMs);
      });
    } finally {
      clearTimeout(timer);
      if (waiter !== undefined) this.#waiters.delete(waiter);
    }
  }

  /** Waits for work that takes no signal. Throws {@link RunEnded} when the run ends first; what becomes of the work is dropped. */
  async orEnded<T>(work: Promise<T>): Promise<T> {
    let waiter: Waiter | undefined;
    const ended = new Promise<never>((_, reject) => {
      if (this.#why !== undefined) reject(new RunEnded(this.#why));
      waiter = { offer: () => undefined, reject };
      this.#waiters.add(waiter);
    });
    try {
      return await Promise.race([work, ended]);
    } finally {
      if (waiter !== undefined) this.#waiters.delete(waiter);
    }
  }

  /** Ends the run now: every wait rejects with {@link RunEnded}. */
  end(why: string): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    clearTimeout(this.#ending?.timer);
    for (const waiter of this.#waiters) waiter.reject(new RunEnded(why));
  }

  /** Closes the timeline: the unfinished last lines are read as they stand. */
  finish(): void {
    clearTimeout(this.#ending?.timer);
    this.#read(this.#timeline.finish());
  }

  #read(events: RunEvent[]): void {
    for (const event of events) {
      this.events.push(event);
      this.#onEvent?.(event);
      if (event.type === 'firing' || (event.type === 'host' && event.fact.fact === 'fired')) this.#fire();
      for (const waiter of this.#waiters) waiter.offer(event);
      this.#considerEnd(event);
    }
  }

  /** The panic may overtake the announcement: they come through two sockets. Then it was the one asked for. */
  #fire(): void {
    this.#fired = true;
    if (this.#ending?.by.type !== 'panic') return;
    clearTimeout(this.#ending.timer);
    this.#ending = undefined;
  }

  #considerEnd(event: RunEvent): void {
    const graceMs = endsRunAfterMs(event, { fired: this.#fired });
    if (graceMs === undefined || this.#why !== undefined) return;
    const why = event.type === 'host' ? event.fact.fact : event.type;
    if (graceMs === 0) this.end(why);
    else this.#ending ??= { by: event, timer: setTimeout(() => this.end(why), graceMs) };
  }
}
