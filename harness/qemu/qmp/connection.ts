import { boundedWait, type BoundedWait } from '../socket/bounded-wait.js';
import { Observations } from '../socket/observations.js';
import { oneLine } from '../socket/one-line.js';
import type { Transport, TransportHandlers } from '../socket/transport.js';
import { CommandTable } from './command-table.js';
import { QmpClosedError, QmpProtocolError, QmpTimeoutError } from './errors.js';
import { EventLog, type QmpEvent } from './event-log.js';
import { MessageFraming } from './framing.js';
import { sortMessage, type QmpGreeting, type QmpMessage } from './message.js';
import type { ObservationBody } from './observation.js';
import type { ConnectionOptions } from './options.js';

/** How long a dead QEMU's last output may take to reach the caller's `stderrTail` after the socket closed. */
const STDERR_GRACE_MS = 50;

/** Routes messages between one transport and the waits, independent of the commands. */
export class Connection {
  readonly commands: CommandTable;
  readonly events: EventLog;
  readonly observations: Observations<ObservationBody>;
  /** Resolves when the connection is over and all waits have failed with the reason. */
  readonly over: Promise<QmpClosedError>;

  readonly #address: string;
  readonly #options: ConnectionOptions;
  readonly #framing: MessageFraming;
  readonly #eventListeners = new Set<(event: QmpEvent) => void>();
  #announceOver: (error: QmpClosedError) => void = () => {};
  #greeting: { wait?: BoundedWait<QmpGreeting>; received?: QmpGreeting } = {};
  #transport: Transport | undefined;
  #state: 'open' | 'ending' | 'over' = 'open';
  #closedError: QmpClosedError | undefined;

  constructor(address: string, options: ConnectionOptions) {
    this.#address = address;
    this.#options = options;
    this.#framing = new MessageFraming(options.maxMessageBytes);
    this.commands = new CommandTable(options.now);
    this.events = new EventLog(options.eventsKept);
    this.observations = new Observations<ObservationBody>(options);
    this.over = new Promise((resolve) => {
      this.#announceOver = resolve;
    });
  }

  /** The handlers with which to open the transport; bytes may arrive before `attach`. */
  readonly handlers: TransportHandlers = {
    onBytes: (bytes) => this.#receive(bytes),
    onClose: (reason, cause) => {
      if (cause instanceof QmpProtocolError) this.#break(cause);
      else this.#end(reason, cause, this.#options.stderrTail === undefined ? 0 : STDERR_GRACE_MS);
    },
  };

  attach(transport: Transport): void {
    this.#transport = transport;
    // The peer may have broken the protocol in the bytes that arrived along with the connection.
    if (this.#state !== 'open') transport.destroy();
  }

  /** The greeting, which may have arrived already. */
  awaitGreeting(deadlineMs: number, signal: AbortSignal | undefined): Promise<QmpGreeting> {
    if (this.#greeting.received !== undefined) return Promise.resolve(this.#greeting.received);
    if (this.#closedError !== undefined) return Promise.reject(this.#closedError);
    const wait = boundedWait<QmpGreeting>({
      deadlineMs,
      signal,
      timeoutError: () =>
        new QmpTimeoutError(
          `cannot open QMP monitor "${this.#address}": connected, but no greeting within ${deadlineMs} ms; ` +
            'a monitor serves one client at a time, is another one connected?',
          deadlineMs,
        ),
    });
    this.#greeting.wait = wait;
    return wait.promise;
  }

  /** Sends one command and waits for its reply. `verb` is `execute` or `exec-oob`. */
  async request(
    verb: 'execute' | 'exec-oob',
    command: string,
    args: object | undefined,
    limits: { readonly deadlineMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<unknown> {
    limits.signal?.throwIfAborted();
    if (this.#state !== 'open') throw this.#closed(`execute QMP command "${command}"`, await this.over);
    // Serialized before it is registered: arguments that JSON cannot express must not leave a pending command.
    const body = args === undefined ? {} : { arguments: asJson(args) };
    const { id, reply } = this.commands.add(command, limits.deadlineMs, limits.signal);
    const message: QmpMessage = { [verb]: command, ...body, id };
    this.#tap('sent', message);
    this.#transport?.send(`${JSON.stringify(message)}\n`);
    return reply;
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  /** Waits for an event; when the connection is over, only events that already arrived can match. */
  waitForEvent(
    name: string,
    deadlineMs: number,
    options: Parameters<EventLog['waitFor']>[2],
  ): Promise<QmpEvent> {
    const waiting = this.events.waitFor(name, deadlineMs, options);
    const ended = this.#closedError;
    if (this.#state === 'over' && ended !== undefined) {
      this.events.failWaiters(() => this.#closed(`wait for QMP event "${name}"`, ended));
    }
    return waiting;
  }

  /** Ends the connection from this side. */
  async close(reason: string): Promise<void> {
    this.#end(reason, undefined, 0);
    await this.over;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#state !== 'open') return;
    try {
      this.#framing.push(bytes, (message) => this.#dispatch(message));
    } catch (error) {
      this.#break(
        error instanceof QmpProtocolError ? error : new QmpProtocolError(String(error), { cause: error }),
      );
    }
  }

  /** The peer broke the protocol: waits for a reply fail with that error, later calls with a closed connection. */
  #break(error: QmpProtocolError): void {
    this.#greeting.wait?.reject(error);
    this.commands.failAll(() => error);
    this.#end(error.message, error, 0);
  }

  #dispatch(message: QmpMessage): void {
    const atMs = this.#options.now();
    this.#tap('received', message, atMs);
    const sorted = sortMessage(message);
    switch (sorted.kind) {
      case 'event': {
        const { name, data, timestamp } = sorted;
        const event = this.events.append({ name, data, timestamp, receivedAtMs: atMs });
        for (const listener of Array.from(this.#eventListeners))
          this.observations.call('onEvent', () => listener(event));
        return;
      }
      case 'return':
      case 'error': {
        this.#reply(message, sorted);
        return;
      }
      case 'greeting': {
        if (this.#greeting.received !== undefined) {
          this.observations.observe({ kind: 'unexpected-greeting', message });
          return;
        }
        this.#greeting.received = sorted.greeting;
        this.#greeting.wait?.resolve(sorted.greeting);
        return;
      }
      case 'unrecognized': {
        this.observations.observe({ kind: 'unrecognized-message', message });
      }
    }
  }

  #reply(
    message: QmpMessage,
    reply: Extract<ReturnType<typeof sortMessage>, { kind: 'return' | 'error' }>,
  ): void {
    if (reply.kind === 'error' && reply.id === undefined) {
      this.observations.observe({ kind: 'error-without-id', message });
      return;
    }
    const match = this.commands.settle(reply.id, reply);
    if (match.kind === 'unknown') this.observations.observe({ kind: 'unknown-reply', message });
    if (match.kind === 'late') {
      const { id, command, lateByMs } = match;
      this.observations.observe({ kind: 'late-reply', id, command, lateByMs, message });
    }
  }

  #tap(direction: 'sent' | 'received', message: QmpMessage, atMs: number = this.#options.now()): void {
    this.observations.call('onMessage', () => this.#options.onMessage?.(direction, message, atMs));
  }

  #end(reason: string, cause: unknown, graceMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#transport?.destroy();
    const lost = this.#framing.midMessage ? `${reason}, in the middle of a message` : reason;
    if (graceMs === 0) this.#finish(lost, cause);
    else setTimeout(() => this.#finish(lost, cause), graceMs);
  }

  #finish(reason: string, cause: unknown): void {
    this.#state = 'over';
    const what = `use QMP monitor "${this.#address}"`;
    const ended = new QmpClosedError(what, oneLine(reason), this.#readStderrTail(), cause);
    this.#closedError = ended;
    this.#greeting.wait?.reject(ended);
    this.commands.failAll((command) => this.#closed(`execute QMP command "${command}"`, ended));
    this.events.failWaiters(() => this.#closed('wait for a QMP event', ended));
    this.#announceOver(ended);
  }

  #closed(what: string, ended: QmpClosedError): QmpClosedError {
    return new QmpClosedError(what, ended.reason, ended.stderrTail, ended.cause);
  }

  #readStderrTail(): string | undefined {
    try {
      return this.#options.stderrTail?.();
    } catch (error) {
      this.observations.observe({ kind: 'listener-threw', listener: 'stderrTail', error });
      return undefined;
    }
  }
}

/** The value as the wire will carry it, so that the tap sees what QEMU sees. */
function asJson(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}
