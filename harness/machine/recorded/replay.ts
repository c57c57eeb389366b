import { setTimeout as sleep } from 'node:timers/promises';
import { atMsOf, HostFactSchema, type RunRecord } from '../../model/record.js';
import type { MachineLog } from '../machine.js';
import type { SteppedClock } from './clock.js';

/** An action of a run for which the recording has a reaction. */
export type Cause = `request ${number}` | `command ${string}`;

/** After this many real milliseconds without a cause, the clock advances to the run's next deadline. */
const IDLE_MS = 1_000;
const POLL_MS = 5;

/**
 * Replays a recording, record by record, and sets `clock` to their times. A record that the run caused (the reply to a
 * request, the effect of an NMI) is held back, with all later ones, until the run has caused it again. A run that waits
 * for an event that the recording lacks reaches its own deadline.
 */
export class Replay {
  readonly #moments: readonly Moment[];
  readonly #clock: SteppedClock;
  readonly #done = new Map<Cause, number>();
  #lastCauseMs = performance.now();
  #over = false;
  #played = 0;

  constructor(records: readonly RunRecord[], clock: SteppedClock) {
    this.#moments = momentsOf(records);
    this.#clock = clock;
  }

  /** Reports an action of the run. */
  did(cause: Cause): void {
    this.#done.set(cause, (this.#done.get(cause) ?? 0) + 1);
    this.#lastCauseMs = performance.now();
  }

  /**
   * Ends the replay before the next record. Returns the recording's last sample, at its time, unless it was replayed
   * already.
   */
  stop(): string | undefined {
    if (this.#over) return undefined;
    this.#over = true;
    const last = this.#moments.slice(this.#played).findLast(({ record }) => record.kind === 'sample')?.record;
    if (last?.kind !== 'sample') return undefined;
    this.#forwardTo(last);
    return last.record.text;
  }

  /** Resolves when no bytes are left to replay but those that the run has to cause. */
  async lastBytes(): Promise<void> {
    const areBytesLeft = () => {
      for (const { record, cause } of this.#moments.slice(this.#played)) {
        if (this.#over || (cause !== undefined && !this.#done.has(cause))) return false;
        if (record.kind === 'chunk') return true;
      }
      return false;
    };
    while (areBytesLeft()) await settled();
  }

  /** Replays to the end of the recording, then advances the clock, deadline by deadline, until it is stopped. */
  async play(deliver: (record: RunRecord) => void): Promise<void> {
    const needed = new Map<Cause, number>();
    for (const { record, cause } of this.#moments) {
      if (cause !== undefined) {
        // A request has several answers (firing, then its reply); each use of a command has one.
        const times = cause.startsWith('request') ? 1 : (needed.get(cause) ?? 0) + 1;
        needed.set(cause, times);
        await this.#until(() => (this.#done.get(cause) ?? 0) >= times);
      }
      await settled();
      if (this.#over) return;
      this.#forwardTo(record);
      deliver(record);
      this.#played += 1;
    }
    await this.#until(() => false);
  }

  #forwardTo(record: RunRecord): void {
    this.#clock.forwardTo(atMsOf(record));
  }

  /** Waits for the run. While it is idle, its timers fire, one after another. */
  async #until(done: () => boolean): Promise<void> {
    while (!done() && !this.#over) {
      await sleep(POLL_MS);
      // The run may have done it meanwhile, or ended.
      if (done() || this.#over || performance.now() - this.#lastCauseMs < IDLE_MS) continue;
      const next = this.#clock.nextMs;
      if (next !== undefined) this.#clock.forwardTo(next);
    }
  }
}

/**
 * Reports a record about the machine itself. Facts about the recorded run are left out: the new run records its own.
 */
export function report(record: RunRecord, log: MachineLog): void {
  switch (record.kind) {
    case 'chunk':
      return log.bytes(record.channel, record.bytes);
    case 'sample':
      return log.sample(record.record.text);
    case 'qmp':
      if ('event' in record.record.message) log.message('in', record.record.message);
      return;
    case 'host': {
      const fact = HostFactSchema.parse(record.record);
      // A requested end is reported when the run requests it.
      const isOfMachine = fact.fact === 'qemu-started' || fact.fact === 'host-time';
      if (isOfMachine || (fact.fact === 'qemu-exit' && !fact.asked)) log.fact(fact);
    }
  }
}

/** QMP commands that affect the guest. */
const COMMANDS: ReadonlySet<unknown> = new Set([
  'inject-nmi',
  'chardev-send-break',
  'input-send-event',
  'system_reset',
]);

/** A record, and the actions of the run that must precede it. */
interface Moment {
  readonly record: RunRecord;
  readonly cause: Cause | undefined;
}

/** The beginning of a frame that answers a request. */
const ANSWER = /CP1 \{"ev":"(?:armed|reply|firing)","id":(\d{1,9})/g;

/** A recording in pieces of which each has one cause: bytes of the control channel are cut where an answer begins. */
function momentsOf(records: readonly RunRecord[]): Moment[] {
  const control = records
    .flatMap((record) => (record.kind === 'chunk' && record.channel === 'control' ? [record.bytes] : []))
    .map((bytes) => bytes.toString('latin1'))
    .join('');
  const answers = new Map(
    [...control.matchAll(ANSWER)].map((found) => [found.index, `request ${Number(found[1])}`] as const),
  );
  let offset = 0;
  return records.flatMap((record): Moment[] => {
    if (record.kind === 'chunk' && record.channel === 'control') {
      const { length } = record.bytes;
      const cuts = [...answers.keys()].map((at) => at - offset).filter((at) => at > 0 && at < length);
      const pieces = [0, ...cuts].map((from, index): Moment => {
        const bytes = record.bytes.subarray(from, cuts[index] ?? length);
        return { record: { ...record, bytes }, cause: answers.get(offset + from) };
      });
      offset += length;
      return pieces;
    }
    if (record.kind !== 'qmp' || record.record.direction !== 'out') return [{ record, cause: undefined }];
    const command = record.record.message['execute'];
    return [{ record, cause: COMMANDS.has(command) ? `command ${String(command)}` : undefined }];
  });
}

/** Lets the run react to a record before the next one; a run on a recording waits for no file or network. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
