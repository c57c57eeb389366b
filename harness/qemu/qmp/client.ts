import type { ExecuteOptions } from './command-table.js';
import type { Connection } from './connection.js';
import { QmpProtocolError, type QmpClosedError } from './errors.js';
import type { QmpEvent, WaitForEventOptions } from './event-log.js';
import type { QmpGreeting } from './message.js';
import type { QmpObservation } from './observation.js';
import type { QmpCommands, QmpEvents, QmpOobCommandName } from './generated/schema.js';

/** Commands of the schema that the types were generated from. */
export type QmpCommandName = keyof QmpCommands;

/** Events of that schema. */
export type QmpEventName = keyof QmpEvents;

/** An event with the data that the schema promises. */
export type QmpEventOf<Name extends QmpEventName> = QmpEvent<Name, QmpEvents[Name]>;

/** Arguments and options of `execute`: the arguments may be left out when none is mandatory. */
export type ExecuteParameters<Name extends QmpCommandName> =
  // oxlint-disable-next-line typescript/no-generated-empty-object-type -- the question is whether {} would do
  Record<never, never> extends QmpCommands[Name]['args']
    ? [args?: QmpCommands[Name]['args'] | undefined, options?: ExecuteOptions]
    : [args: QmpCommands[Name]['args'], options?: ExecuteOptions];

/** A connection to one QMP monitor, past the handshake. Made by `connectQmp`. */
export class QmpClient implements AsyncDisposable {
  /** QEMU's greeting. */
  readonly greeting: QmpGreeting;
  /** True when out-of-band execution was requested, offered and enabled. */
  readonly oobEnabled: boolean;
  readonly #connection: Connection;
  readonly #deadlineMs: number;

  /** @internal Use `connectQmp`. */
  constructor(
    connection: Connection,
    facts: { greeting: QmpGreeting; oobEnabled: boolean; deadlineMs: number },
  ) {
    this.#connection = connection;
    this.greeting = facts.greeting;
    this.oobEnabled = facts.oobEnabled;
    this.#deadlineMs = facts.deadlineMs;
  }

  /** Kept events, oldest first; a live, bounded view (option `eventsKept`). */
  get events(): readonly QmpEvent[] {
    return this.#connection.events.events;
  }

  /** How many events were dropped because of that bound. */
  get eventsDropped(): number {
    return this.#connection.events.dropped;
  }

  /** The sequence number of the next event; take it before an action and pass it as `since` afterwards. */
  get eventMark(): number {
    return this.#connection.events.mark;
  }

  /** Kept observations, oldest first; a live, bounded view (option `observationsKept`). */
  get observations(): readonly QmpObservation[] {
    return this.#connection.observations.kept;
  }

  /** How many observations were dropped because of that bound. */
  get observationsDropped(): number {
    return this.#connection.observations.dropped;
  }

  /** Resolves, never rejects, when the connection is over, with the reason. */
  get closed(): Promise<QmpClosedError> {
    return this.#connection.over;
  }

  /**
   * Executes a command and resolves with its return value, which is typed but not validated.
   *
   * @throws QmpCommandError, QmpTimeoutError, QmpClosedError, QmpProtocolError, or the signal's reason.
   */
  async execute<Name extends QmpCommandName>(
    name: Name,
    ...[args, options]: ExecuteParameters<Name>
  ): Promise<QmpCommands[Name]['returns']> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-unnecessary-type-assertion -- QEMU's word
    return (await this.executeRaw(name, args, options)) as QmpCommands[Name]['returns'];
  }

  /** `execute` for commands or arguments outside the schema. */
  async executeRaw(name: string, args?: object, options: ExecuteOptions = {}): Promise<unknown> {
    return this.#connection.request('execute', name, args, this.#limits(options));
  }

  /**
   * Executes out of band: QEMU answers even while an in-band command blocks.
   *
   * @throws QmpProtocolError when `oobEnabled` is false, otherwise as `execute`.
   */
  async executeOob<Name extends QmpOobCommandName>(
    name: Name,
    ...[args, options]: ExecuteParameters<Name>
  ): Promise<QmpCommands[Name]['returns']> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- QEMU's word, see the docstring of execute
    return (await this.executeOobRaw(name, args, options)) as QmpCommands[Name]['returns'];
  }

  /** `executeOob` for commands outside the schema. */
  async executeOobRaw(name: string, args?: object, options: ExecuteOptions = {}): Promise<unknown> {
    if (!this.oobEnabled) {
      throw new QmpProtocolError(
        `cannot execute QMP command "${name}" out of band: the capability is not enabled; ` +
          'connect with oob: true to a QEMU that offers it',
      );
    }
    return this.#connection.request('exec-oob', name, args, this.#limits(options));
  }

  /** Calls `listener` for every event from now on; returns a function that stops that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    return this.#connection.onEvent(listener);
  }

  /**
   * Waits for an event of the schema. For a wait without a race, take `eventMark` before the action that
   * causes the event and pass it as `since`.
   *
   * @throws QmpTimeoutError, QmpClosedError, the signal's reason, or what the predicate threw.
   */
  async waitForEvent<Name extends QmpEventName>(
    name: Name,
    options: WaitForEventOptions<QmpEventOf<Name>> = {},
  ): Promise<QmpEventOf<Name>> {
    const { predicate } = options;
    const event = await this.waitForRawEvent(name, {
      ...options,
      // The name has been compared by then; the shape of the data is QEMU's word.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      predicate: predicate && ((candidate) => predicate(candidate as QmpEventOf<Name>)),
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    return event as QmpEventOf<Name>;
  }

  /** `waitForEvent` for events outside the schema. */
  async waitForRawEvent(name: string, options: WaitForEventOptions = {}): Promise<QmpEvent> {
    return this.#connection.waitForEvent(name, options.deadlineMs ?? this.#deadlineMs, options);
  }

  /** Ends the connection; QEMU continues. Pending commands and waits fail with QmpClosedError. Idempotent. */
  async close(): Promise<void> {
    await this.#connection.close('this client closed the connection');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #limits(options: ExecuteOptions): { deadlineMs: number; signal: AbortSignal | undefined } {
    return { deadlineMs: options.deadlineMs ?? this.#deadlineMs, signal: options.signal };
  }
}
