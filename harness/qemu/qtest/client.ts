import { type BoundedWait, boundedWait } from '../socket/bounded-wait.js';
import { oneLine } from '../socket/one-line.js';
import type { Transport, TransportHandlers } from '../socket/transport.js';
import { type IrqInput, type QtestCommand, readl, setIrqIn, writel } from './commands.js';
import { QtestClosedError, QtestProtocolError, QtestTimeoutError } from './errors.js';

/** Default deadline of commands, milliseconds: QEMU answers in 50 us, on a starved host in seconds. */
export const DEFAULT_DEADLINE_MS = 30_000;
/** Longest answer line; QEMU's are some 30 bytes. */
const MAX_LINE_BYTES = 4_096;

/** The deadline of commands, and a signal that ends the wait early. */
export interface QtestCallOptions {
  /** Milliseconds for all commands of the call; 30,000. */
  readonly deadlineMs?: number | undefined;
  /** Ends the wait with `signal.reason`; QEMU still executes what was sent. */
  readonly signal?: AbortSignal | undefined;
}

/** One call under way: some commands, answered in the order in which they were sent. */
interface Call {
  readonly commands: readonly QtestCommand[];
  readonly values: (number | undefined)[];
  readonly wait: BoundedWait<readonly (number | undefined)[]>;
  refused: string | undefined;
}

/**
 * A client of QEMU's qtest channel on a running guest: memory accesses as a device would make them, and input lines of
 * device models. QEMU answers in order, whether the vCPUs run or are stopped. Commands may overlap.
 */
export class QtestClient implements AsyncDisposable {
  readonly #calls: Call[] = [];
  #transport: Transport | undefined;
  #rest = '';
  #closed: { readonly reason: string; readonly cause: unknown } | undefined;

  /** The handlers with which to open the transport. */
  readonly handlers: TransportHandlers = {
    onBytes: (bytes) => this.#receive(Buffer.from(bytes).toString('latin1')),
    onClose: (reason, cause) => this.#end(reason, cause),
  };

  attach(transport: Transport): void {
    this.#transport = transport;
    if (this.#closed !== undefined) transport.destroy();
  }

  /** Writes 32 bits to a guest-physical address. Throws as {@link executeAll}. */
  async writel(address: number, value: number, options?: QtestCallOptions): Promise<void> {
    await this.executeAll([writel(address, value)], options);
  }

  /** Reads 32 bits from a guest-physical address; the value is undefined where there is no memory. */
  async readl(address: number, options?: QtestCallOptions): Promise<number> {
    const [value] = await this.executeAll([readl(address)], options);
    return value ?? 0;
  }

  /** Drives an input line to a level and leaves it there. Throws as {@link executeAll}. */
  async setIrqIn(input: IrqInput, level: 0 | 1, options?: QtestCallOptions): Promise<void> {
    await this.executeAll([setIrqIn(input, level)], options);
  }

  /**
   * Sends commands at once and waits for the last answer; returns the values of those that read, in order.
   *
   * @throws QtestTimeoutError, QtestClosedError when QEMU is gone, QtestProtocolError when it refused one (the others
   *   are done) or answered nonsense, the signal's reason.
   */
  executeAll(
    commands: readonly QtestCommand[],
    { deadlineMs = DEFAULT_DEADLINE_MS, signal }: QtestCallOptions = {},
  ): Promise<readonly (number | undefined)[]> {
    const what = namesOf(commands);
    if (commands.length === 0) return Promise.resolve([]);
    if (this.#closed !== undefined) return Promise.reject(closedError(what, this.#closed));
    const wait = boundedWait<readonly (number | undefined)[]>({
      deadlineMs,
      signal,
      timeoutError: () =>
        new QtestTimeoutError(
          `cannot do qtest "${what}" within ${deadlineMs} ms: QEMU does not answer; is its main loop busy?`,
          deadlineMs,
        ),
    });
    this.#calls.push({ commands, values: [], wait, refused: undefined });
    this.#transport?.send(commands.map(({ line }) => `${line}\n`).join(''));
    return wait.promise;
  }

  /** Disconnects. Lines keep their levels. */
  close(): void {
    this.#end('it was closed');
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line.replace(/\r$/u, ''));
    if (this.#rest.length > MAX_LINE_BYTES) this.#end(`it sends a line of more than ${MAX_LINE_BYTES} bytes`);
  }

  #take(line: string): void {
    // Sent unrequested when a device's outputs are intercepted, which this client never does.
    if (line.startsWith('IRQ ') || this.#closed !== undefined) return;
    const call = this.#calls[0];
    const command = call?.commands[call.values.length];
    const answer = /^OK(?: (0x[0-9a-f]{1,16}))?$/iu.exec(line);
    const refused = line.startsWith('FAIL');
    if (call === undefined || command === undefined || (answer === null && !refused)) {
      this.#end(`"${oneLine(line, 80)}" is no answer to "${command?.line ?? 'nothing'}"`);
      return;
    }
    if (refused || (command.reads && answer?.[1] === undefined)) {
      call.refused ??= `"${command.line}": QEMU answered "${oneLine(line, 200)}"`;
    }
    call.values.push(command.reads ? Number(answer?.[1]) : undefined);
    if (call.values.length < call.commands.length) return;
    this.#calls.shift();
    if (call.refused === undefined) call.wait.resolve(call.values);
    else call.wait.reject(new QtestProtocolError(`cannot do qtest ${call.refused}; is the device there?`));
  }

  #end(reason: string, cause?: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = { reason, cause };
    this.#transport?.destroy();
    for (const { commands, wait } of this.#calls.splice(0)) {
      wait.reject(closedError(namesOf(commands), this.#closed));
    }
  }
}

function closedError(what: string, { reason, cause }: { reason: string; cause: unknown }): QtestClosedError {
  return new QtestClosedError(
    `cannot do qtest "${what}": the connection is closed (${reason}); is QEMU running?`,
    cause === undefined ? undefined : { cause },
  );
}

function namesOf(commands: readonly QtestCommand[]): string {
  const more = commands.length > 1 ? ` and ${commands.length - 1} more` : '';
  return `${commands[0]?.line ?? 'nothing'}${more}`;
}
