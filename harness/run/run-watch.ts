import { HOST_CLOCK } from '../host/clock.js';
import type { Clock } from '../machine/clock.js';
import { faultFact } from '../machine/fault-fact.js';
import type { MachineLog } from '../machine/machine.js';
import type { Armed, EventOf, EventType, Progress, RunEvent } from '../model/event.js';
import type { Channel, HostFact, RunRecord } from '../model/record.js';
import type { Limits } from '../model/limits.js';
import type { Recorder } from '../store/recorder.js';
import { makesProgress, type OffStreak } from '../timeline/progress.js';
import { createTablesSeen } from '../timeline/tables-seen.js';
import { createTimeline } from '../timeline/timeline.js';
import { EventWaits, RunEnded } from './event-waits.js';
import { RunEnding } from './run-ending.js';

/** The deadline of a wait: one of the run's deadlines by its name, or milliseconds. */
export type Within = keyof Limits | number;

/** A wait whose deadline ends the run. */
export interface WaitOptions {
  /** The awaited step, as the deadline's fact names it. */
  readonly what: string;
  /** In the guest's own time. */
  readonly within: Within;
  /** A guest that still makes progress at the deadline gets more time, until it is quiet for `Limits.quietMs`. */
  readonly whileProgress?: boolean;
}

/** A deadline that has not passed by the guest's own time is looked at again after this long, or later. */
const LOOK_AGAIN_MS = 250;

/** QMP events that a debugger causes (qapi/run-state.json, 7.2). */
const BY_DEBUGGER: ReadonlySet<unknown> = new Set(['STOP', 'RESUME']);

/** Options of {@link RunWatch}. */
export interface WatchOptions {
  readonly limits: Limits;
  /** Called for every event, for progress. If it throws, that is reported once, as a warning of the process. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * A live recording: everything seen is recorded, read into events by the same timeline that judges stored runs again,
 * and compared with the pending waits. The first terminal event ends the run.
 */
export class RunWatch implements MachineLog {
  readonly events: RunEvent[] = [];
  /** The page tables that each kernel was seen on. */
  readonly tablesSeen = createTablesSeen();
  #armed: Armed | undefined;
  /** What is done when a deadline has passed, before that is recorded. Must not reject. */
  lastLook: (() => Promise<void>) | undefined;
  readonly #recorder: Recorder;
  readonly #limits: Limits;
  readonly #timeline;
  #onEvent: ((event: RunEvent) => void) | undefined;
  readonly #clock: Clock;
  readonly #waits: EventWaits;
  readonly #ending: RunEnding;
  /** Bytes of each channel so far. */
  readonly #received: Record<Channel, number> = { console: 0, control: 0 };
  #shutDown = false;
  #sampleBeforeShutdown: string | undefined;
  #fault: unknown;
  #misread = false;
  /** Samples are dropped while this is above 0. */
  #samplesHeld = 0;
  #warned = false;

  constructor(recorder: Recorder, { limits, onEvent, clock = HOST_CLOCK }: WatchOptions) {
    this.#recorder = recorder;
    this.#timeline = createTimeline(limits);
    this.#limits = limits;
    this.#onEvent = onEvent;
    this.#clock = clock;
    this.#waits = new EventWaits((limitMs, act, options) => this.afterOwn(limitMs, act, options));
    this.#ending = new RunEnding(this);
  }

  /** Why the run ended; undefined while it lasts. */
  get ended(): string | undefined {
    return this.#waits.ended;
  }

  /** The error that prevented the recording (a full disk), if any. */
  get fault(): unknown {
    return this.#fault;
  }

  /** Reads what is recorded of a clone's template. Nothing is reported of it: it is not this run's progress. */
  replay(records: (recorder: Recorder) => Iterable<RunRecord>): void {
    const onEvent = this.#onEvent;
    this.#onEvent = undefined;
    try {
      for (const record of records(this.#recorder)) {
        if (record.kind === 'chunk') this.#received[record.channel] += record.bytes.length;
        this.#read(() => this.#timeline.push(record));
      }
    } catch (error) {
      this.#fault = error;
      this.end('the recording failed');
    } finally {
      this.#onEvent = onEvent;
    }
  }

  /** Records bytes of a channel, up to the channel's limit; reaching it ends the run. */
  bytes(channel: Channel, bytes: Buffer): void {
    const { channelBytes } = this.#limits;
    const room = channelBytes - this.#received[channel];
    if (room <= 0) return;
    const kept = bytes.subarray(0, room);
    this.#received[channel] += kept.length;
    this.#record((recorder) => recorder.chunk(channel, kept));
    if (kept.length === room) {
      this.fact({ fact: 'channel-limit', channel, limitBytes: channelBytes });
    }
  }

  /** Records a message of the machine's management protocol. */
  message(direction: 'in' | 'out', message: Record<string, unknown>): void {
    if (this.#samplesHeld > 0 && BY_DEBUGGER.has(message['event'])) return;
    this.#record((recorder) => recorder.qmp(direction, message));
  }

  /** Bytes of all channels so far. */
  get receivedBytes(): number {
    return this.#received.console + this.#received.control;
  }

  /**
   * Drops samples until the returned function is called: those of a machine that a debugger stopped show nothing about the
   * guest. QEMU's events of each stop and resume are dropped as well: a step makes two.
   */
  holdSamples(): () => void {
    this.#samplesHeld += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#samplesHeld -= 1;
      isHeld = false;
    };
  }

  /** Records a sample of all vCPUs' registers. */
  sample(text: string): void {
    if (this.#samplesHeld > 0) return;
    if (!this.#shutDown) this.#sampleBeforeShutdown = text;
    this.tablesSeen.sample(text, this.#armed);
    this.#record((recorder) => recorder.sample(text));
  }

  /** The last sample before the machine reset or powered off, so far; undefined without samples. */
  get sampleBeforeShutdown(): string | undefined {
    return this.#sampleBeforeShutdown;
  }

  /** Records a host fact. */
  fact(fact: HostFact): void {
    this.#record((recorder) => recorder.host(fact));
  }

  /**
   * Waits for an event of the given types, seen already or still to come. Past its deadline, `what` is recorded as late
   * and the run ends. Throws {@link RunEnded} when the run ends.
   */
  async waitFor<T extends EventType>(
    types: T | readonly T[],
    test: (event: EventOf<T>) => boolean,
    { what, within, whileProgress = false }: WaitOptions,
  ): Promise<EventOf<T>> {
    const limitMs = this.msOf(within);
    const since = { ownMs: this.ownMs(), wallMs: this.#recorder.nowMs() };
    const late = () => {
      const [ownMs, wallMs] = [this.ownMs() - since.ownMs, this.#recorder.nowMs() - since.wallMs];
      this.fact({ fact: 'deadline', what, limitMs, ownMs: Math.round(ownMs), wallMs: Math.round(wallMs) });
      this.end(`${what} did not end in time`);
    };
    const { lastLook } = this;
    const options = { limitMs, whileProgress, late, lastLook };
    const found = await this.#waits.next({ types, test }, this.events, options);
    // The deadline has ended the run, which rejects the wait.
    if (found === undefined) throw new RunEnded(this.ended ?? what);
    return found;
  }

  /** As {@link waitFor}, but past its deadline nothing is recorded, and the wait resolves to undefined. */
  tryWaitFor<T extends EventType>(
    types: T | readonly T[],
    test: (event: EventOf<T>) => boolean,
    within: Within,
  ): Promise<EventOf<T> | undefined> {
    return this.#waits.next({ types, test }, this.events, {
      limitMs: this.msOf(within),
      whileProgress: false,
    });
  }

  /**
   * Waits for work that takes no signal. Throws {@link RunEnded} when the run ends first; the result of the work is
   * dropped then.
   */
  orEnded<T>(work: Promise<T>): Promise<T> {
    return this.#waits.orEnded(work);
  }

  /** Ends the run now: every wait rejects with {@link RunEnded}. */
  end(why: string): void {
    if (this.ended !== undefined) return;
    this.#ending.cancel();
    this.#waits.end(why);
  }

  /** Ends the run now and throws {@link RunEnded}. */
  stop(why: string): never {
    this.end(why);
    throw new RunEnded(why);
  }

  /** Records a proof; one that does not hold ends the run (void). */
  require(proof: { readonly what: string; readonly proved: boolean; readonly saw: string }): void {
    this.fact({ fact: 'proof', ...proof });
    if (!proof.proved) this.stop(`not proved: ${proof.what}`);
  }

  /** Ends the run after `totalMs` of the host's time, whatever it does; the returned function cancels that. */
  limitWhole(): () => void {
    const { totalMs } = this.#limits;
    return this.#clock.after(totalMs, () => {
      const [ownMs, wallMs] = [Math.round(this.ownMs()), Math.round(this.#recorder.nowMs())];
      this.fact({ fact: 'deadline', what: 'the whole run', limitMs: totalMs, ownMs, wallMs, backstop: true });
      this.end('the whole run did not end in time');
    });
  }

  /** Resolves after `ms`; rejects at once when `signal` is aborted. The run's end does not shorten it. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(ms, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      const abort = () => {
        cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted === true) abort();
    });
  }

  /** The run's own clock, monotonic milliseconds. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** The guest's own time since the recording began, milliseconds; see timeline/own-time.ts. */
  ownMs(): number {
    return this.#timeline.ownMs(this.#recorder.nowMs());
  }

  /** Whether the latest sample shows a vCPU that takes interrupts; true on a machine without samples. */
  get takesInterrupts(): boolean {
    return this.#timeline.takesInterrupts();
  }

  /** vCPUs that the latest samples show running in the first kernel with interrupts off. */
  get offStreaks(): readonly OffStreak[] {
    return this.#timeline.offStreaks();
  }

  /** vCPUs that seem to be stuck in the first kernel; see {@link Progress.stuckVcpus}. */
  get stuckVcpus(): readonly number[] {
    return this.#progress(this.#limits.crashPathMs).stuckVcpus;
  }

  /** Closes the timeline: unfinished last lines are read as they are. */
  finish(): void {
    this.#ending.cancel();
    this.#read(() => this.#timeline.finish());
  }

  /** A deadline of the run, milliseconds. */
  msOf(within: Within): number {
    return typeof within === 'number' ? within : this.#limits[within];
  }

  /** Writes a record and reads it. A record that cannot be written ends the run: later proofs would be lost. */
  #record(write: (recorder: Recorder) => RunRecord): void {
    if (this.#fault !== undefined) return;
    let record: RunRecord;
    try {
      record = write(this.#recorder);
    } catch (error) {
      this.#fault = error;
      this.end('the recording failed');
      return;
    }
    this.#read(() => this.#timeline.push(record));
  }

  /** Reads events; an error of the timeline is a bug of crashpath, and ends only this run. */
  #read(read: () => RunEvent[]): void {
    let events: RunEvent[];
    try {
      events = read();
    } catch (error) {
      // The fact is read by the same timeline, which may throw again: once is enough.
      if (this.#misread) return;
      this.#misread = true;
      this.fact(faultFact(error));
      this.end('the recording could not be read');
      return;
    }
    for (const event of events) {
      this.events.push(event);
      if (event.type === 'armed') this.#armed = event.armed;
      if (event.type === 'shutdown') this.#shutDown = true;
      this.#report(event);
      this.#ending.note(event);
      this.#waits.offer(event);
      this.#ending.consider(event);
    }
  }

  #report(event: RunEvent): void {
    try {
      this.#onEvent?.(event);
    } catch (error) {
      if (this.#warned) return;
      this.#warned = true;
      process.emitWarning(`the progress of a run is not shown: ${String(error)}`);
    }
  }

  #progress(limitMs: number): Progress {
    return this.#timeline.progress(this.#recorder.nowMs(), limitMs);
  }

  /**
   * Calls `act` after `limitMs` of the guest's own time, and while the guest makes progress later, when that ends; the
   * returned function cancels it.
   */
  afterOwn(
    limitMs: number,
    act: () => void,
    { whileProgress = false }: { readonly whileProgress?: boolean | undefined } = {},
  ): () => void {
    const sinceMs = this.ownMs();
    const leftMs = () => {
      const left = limitMs - (this.ownMs() - sinceMs);
      if (left > 0 || !whileProgress) return left;
      const progress = this.#progress(limitMs);
      return makesProgress(progress) ? Math.max(1, progress.quietMs - (progress.silentMs ?? 0)) : 0;
    };
    const look = () => {
      const left = leftMs();
      if (left <= 0) return act();
      cancel = this.#clock.after(Math.max(left, LOOK_AGAIN_MS), look);
    };
    // The guest's own time is never ahead of the host's.
    let cancel = this.#clock.after(limitMs, look);
    return () => cancel();
  }
}
