import type { BoundedWait } from '../socket/bounded-wait.js';
import { type Limits, waitWithin } from './limits.js';
import type { StopReply } from './stop-reply.js';

/** One stop of the guest as the stub told it. */
export interface GdbStop extends StopReply {
  /** Position among all stops of this connection, from 0; dropped ones keep their numbers. */
  readonly seq: number;
  /**
   * The resume (`GdbClient.resumes` after it) that this stop ended; `undefined` for one that nobody asked for:
   * QEMU 7.2 reports its stop at attach and every QMP `stop`.
   */
  readonly resume: number | undefined;
  /** Monotonic host milliseconds at reception. */
  readonly atMs: number;
  /** The packet. */
  readonly text: string;
}

/** The bounded memory of stops, and those who wait for the end of a resume. */
export class StopLog {
  readonly #limit: number;
  readonly #stops: GdbStop[] = [];
  readonly #waiters = new Set<{ readonly resume: number; readonly wait: BoundedWait<GdbStop> }>();
  #nextSeq = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The kept stops, oldest first; a live view. */
  get stops(): readonly GdbStop[] {
    return this.#stops;
  }

  /** How many were forgotten because of the limit. */
  get dropped(): number {
    return this.#nextSeq - this.#stops.length;
  }

  /** Records a stop and serves those who wait for it. */
  append(stop: Omit<GdbStop, 'seq'>): GdbStop {
    const recorded: GdbStop = { seq: this.#nextSeq, ...stop };
    this.#nextSeq += 1;
    this.#stops.push(recorded);
    if (this.#stops.length > this.#limit) this.#stops.shift();
    for (const { resume, wait } of Array.from(this.#waiters)) {
      if (resume === recorded.resume) wait.resolve(recorded);
    }
    return recorded;
  }

  /** The stop that ended resume number `resume`, or will. */
  waitFor(resume: number, limits: Limits): Promise<GdbStop> {
    const wait = waitWithin<GdbStop>(limits, 'the guest did not stop', () => this.#waiters.delete(waiter));
    const waiter = { resume, wait };
    const past = this.#stops.findLast((stop) => stop.resume === resume);
    if (past !== undefined) wait.resolve(past);
    else if (limits.signal?.aborted !== true) this.#waiters.add(waiter);
    return wait.promise;
  }

  /** Fails those who wait: for resume number `resume`, or all. */
  failWaiters(makeError: () => Error, resume?: number): void {
    for (const waiter of Array.from(this.#waiters)) {
      if (resume === undefined || waiter.resume === resume) waiter.wait.reject(makeError());
    }
  }
}
