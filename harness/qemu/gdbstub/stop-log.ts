import { RecentLog } from '../socket/recent-log.js';
import { type Limits, waitLimits } from './limits.js';
import type { StopReply } from './stop-reply.js';

/** One stop of the guest as the stub reported it. */
export interface GdbStop extends StopReply {
  /** Position among all stops of this connection, from 0; dropped ones keep their numbers. */
  readonly seq: number;
  /**
   * The resume (`GdbClient.resumes` after it) that this stop ended; `undefined` for an unrequested one: QEMU 7.2
   * reports its stop at attach and every QMP `stop`.
   */
  readonly resume: number | undefined;
  /** Monotonic host milliseconds at reception. */
  readonly atMs: number;
  /** The packet. */
  readonly text: string;
}

/** A bounded log of stops, and the waits for the end of a resume. */
export class StopLog {
  readonly #log: RecentLog<GdbStop>;

  constructor(limit: number) {
    this.#log = new RecentLog(limit);
  }

  /** The kept stops, oldest first; a live view. */
  get stops(): readonly GdbStop[] {
    return this.#log.items;
  }

  /** How many were dropped because of the limit. */
  get dropped(): number {
    return this.#log.dropped;
  }

  /** Records a stop and resolves the waits for it. */
  append(stop: Omit<GdbStop, 'seq'>): GdbStop {
    return this.#log.append((seq) => ({ seq, ...stop }));
  }

  /** The stop that ended resume number `resume`, or will. */
  waitFor(resume: number, limits: Limits): Promise<GdbStop> {
    // Resumes end in order, so the log before the end of an older one need not be searched.
    const older = this.stops.findLast((stop) => stop.resume !== undefined && stop.resume < resume);
    return this.#log.next((stop) => stop.resume === resume, {
      ...waitLimits(limits, 'the guest did not stop'),
      since: older === undefined ? 0 : older.seq + 1,
      group: resume,
    });
  }

  /** Fails the waits for resume number `resume`, or all. */
  failWaiters(makeError: () => Error, resume?: number): void {
    this.#log.failWaiters(makeError, resume);
  }
}
