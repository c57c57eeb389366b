import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { foldLine } from '../model/escape.js';
import { shellQuote } from '../model/shell-words.js';
import { HostLost } from './host-lost.js';

/** How a command ended. */
export interface CommandEnd {
  /** Undefined when a signal ended it, or the channel was closed. */
  readonly status: number | undefined;
  readonly stdout: Buffer;
  /** One line. */
  readonly stderr: string;
}

/** A script for the host's POSIX shell, with its positional parameters. */
export interface Script {
  readonly text: string;
  readonly args?: readonly string[];
}

/** A script that runs. */
export interface StartedScript {
  /** Its standard streams. */
  readonly channel: ClientChannel;
  /** Its exit status when the channel is closed; undefined when it has none. Never rejects. */
  readonly ended: Promise<number | undefined>;
}

/** Bounds of a command. */
export interface CommandOptions {
  readonly deadlineMs: number;
  /** Output beyond that fails the command, bytes. */
  readonly mostBytes?: number | undefined;
  /** What the script reads from its standard input, which ends with it. */
  readonly input?: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the first bytes of its output. */
  readonly onFirstOutput?: (() => void) | undefined;
}

/** What makes an ssh server forward Unix sockets both ways. */
export const FORWARDING_REMEDY =
  'set "AllowStreamLocalForwarding yes" and "AllowTcpForwarding yes" in its sshd_config (OpenSSH), and no DisableForwarding';

const MOST_BYTES = 1024 * 1024;
const MOST_STDERR_CHARACTERS = 4096;
/** Opening a channel takes a round trip and a fork there. */
const OPEN_DEADLINE_MS = 20_000;

/** A connection to a host, on which commands run and Unix sockets are reached. */
export class SshConnection {
  /** The host as the caller named it. */
  readonly host: string;
  /** `SHA256:...` of the host key, which was verified. */
  readonly fingerprint: string;
  /** Resolves with the reason when the connection has ended, unless it was closed. */
  readonly lost: Promise<string>;
  readonly #client: Client;
  readonly #ending = new AbortController();
  #why: string | undefined;

  /** `client` is connected and logged in. */
  constructor(
    client: Client,
    { host, fingerprint }: { readonly host: string; readonly fingerprint: string },
  ) {
    this.host = host;
    this.fingerprint = fingerprint;
    this.#client = client;
    this.lost = new Promise((resolve) => {
      let failure: string | undefined;
      client.on('error', (error) => {
        failure ??= foldLine(error.message);
      });
      client.once('close', () => {
        if (this.#why !== undefined) return;
        this.#why = failure ?? 'the connection was closed';
        resolve(this.#why);
        this.#ending.abort();
      });
    });
  }

  /** Why the connection has ended; undefined while it lasts. */
  get ended(): string | undefined {
    return this.#why;
  }

  /** Starts a script in the host's shell. Throws {@link HostLost}. */
  async start({ text, args = [] }: Script): Promise<StartedScript> {
    const command = `exec sh -c ${shellQuote([text, 'crashpath', ...args])}`;
    let ended: Promise<number | undefined> = Promise.resolve(undefined);
    const channel = await this.#open<ClientChannel>((opened) =>
      this.#client.exec(command, (error, stream) => {
        // At once: a short script has ended before anybody who waits for the channel gets it.
        if (error === undefined) ended = endOf(stream);
        opened(error, stream);
      }),
    );
    return { channel, ended };
  }

  /**
   * A stream to a Unix socket of the host (OpenSSH's PROTOCOL, section 2.4). Throws an error with the code ECONNREFUSED
   * when the server refuses it: a server that does not forward, and one on which nothing listens, give the same answer
   * (OpenSSH 9.2, serverloop.c). Throws {@link HostLost} when the connection has ended.
   */
  async connectUnix(path: string): Promise<Duplex> {
    try {
      return await this.#open((opened) => this.#client.openssh_forwardOutStreamLocal(path, opened));
    } catch (error) {
      if (this.#why !== undefined || !(error instanceof Error && 'reason' in error)) throw error;
      const why = 'the ssh server does not forward Unix sockets, or nothing listens there';
      throw Object.assign(new Error(why, { cause: error }), { code: 'ECONNREFUSED' });
    }
  }

  /**
   * Has the host listen on a Unix socket, for one connection (OpenSSH's PROTOCOL, section 2.4). Throws an error when the
   * server refuses it, {@link HostLost} when the connection has ended.
   */
  async listenUnix(path: string): Promise<{ readonly connected: Promise<Duplex>; close(): void }> {
    const client = this.#client;
    let accepted: Duplex | undefined;
    const connected = new Promise<Duplex>((resolve) => {
      client.on('unix connection', ({ socketPath }, accept, reject) => {
        if (socketPath !== path || accepted !== undefined) return reject();
        accepted = accept();
        // A reset is the end of what writes into it.
        accepted.on('error', () => accepted?.destroy());
        resolve(accepted);
      });
    });
    if (this.#why !== undefined) throw new HostLost(this.host, this.#why);
    await new Promise<void>((resolve, reject) => {
      void this.lost.then((why) => reject(new HostLost(this.host, why)));
      client.openssh_forwardInStreamLocal(path, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(error);
      });
    });
    return {
      connected,
      close: () => {
        accepted?.destroy();
        if (this.#why === undefined) client.openssh_unforwardInStreamLocal(path, () => undefined);
      },
    };
  }

  /** A stream to a TCP port as the host reaches it: for a connection through it. */
  connectTcp(host: string, port: number): Promise<Duplex> {
    return this.#open((opened) => this.#client.forwardOut('127.0.0.1', 0, host, port, opened));
  }

  /**
   * Runs a script to its end. Throws {@link HostLost} when the connection is lost, the deadline passes or the output is too
   * long; the signal's reason when aborted. A script that fails is a result.
   */
  async run(script: Script, options: CommandOptions): Promise<CommandEnd> {
    options.signal?.throwIfAborted();
    const { channel, ended } = await this.start(script);
    const { deadlineMs, mostBytes = MOST_BYTES, input, signal, onFirstOutput } = options;
    const chunks: Buffer[] = [];
    let [bytes, stderr] = [0, ''];
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => give(`a command did not end within ${deadlineMs} ms`), deadlineMs);
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const give = (why: string) => {
        settle();
        channel.close();
        reject(new HostLost(this.host, why));
      };
      const abort = () => {
        settle();
        channel.close();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      channel.on('data', (chunk: Buffer) => {
        if (bytes === 0) onFirstOutput?.();
        bytes += chunk.length;
        if (bytes > mostBytes) give(`a command printed more than ${mostBytes} bytes`);
        else chunks.push(chunk);
      });
      channel.stderr.on('data', (chunk: Buffer) => {
        stderr = (stderr + chunk.toString('latin1')).slice(-MOST_STDERR_CHARACTERS);
      });
      void ended.then((status) => {
        settle();
        if (this.#why === undefined) {
          resolve({
            status,
            stdout: Buffer.concat(chunks),
            stderr: foldLine(stderr, MOST_STDERR_CHARACTERS),
          });
        } else reject(new HostLost(this.host, this.#why));
      });
      if (input === undefined) return;
      // A script that ends early closes the channel, which is its result.
      void send(input, channel).catch(() => channel.end());
    });
  }

  /** Closes the connection; what is under way on it ends. */
  close(): void {
    this.#why ??= 'it was closed';
    this.#client.end();
    this.#client.destroy();
    this.#ending.abort();
  }

  #open<Stream extends Duplex>(
    ask: (opened: (error: Error | undefined, stream: Stream) => void) => unknown,
  ): Promise<Stream> {
    if (this.#why !== undefined) return Promise.reject(new HostLost(this.host, this.#why));
    return new Promise((resolve, reject) => {
      const { signal } = this.#ending;
      const fail = (why: string, cause?: unknown) => {
        settle();
        reject(Object.assign(new HostLost(this.host, why, cause), reasonOf(cause)));
      };
      const lose = () => fail(this.#why ?? 'the connection has ended');
      const timer = setTimeout(
        () => fail(`it did not open a channel within ${OPEN_DEADLINE_MS} ms`),
        OPEN_DEADLINE_MS,
      );
      const settle = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', lose);
      };
      signal.addEventListener('abort', lose, { once: true });
      ask((error, stream) => {
        if (error !== undefined && error !== null) {
          fail(
            `it refuses a channel (${foldLine(error.message)}; is MaxSessions below 10 in its sshd_config?)`,
            error,
          );
          return;
        }
        settle();
        resolve(stream);
      });
    });
  }
}

/** Resolves with the exit status when the channel is closed and everything on it was read. */
function endOf(channel: ClientChannel): Promise<number | undefined> {
  let status: number | undefined;
  channel.on('exit', (code: number | null) => {
    status = code ?? undefined;
  });
  channel.on('error', () => undefined);
  return new Promise((resolve) => channel.once('close', () => resolve(status)));
}

function reasonOf(cause: unknown): object {
  return cause instanceof Error && 'reason' in cause ? { reason: cause.reason } : {};
}

/** Writes everything, as fast as the channel takes it, and ends it. */
async function send(
  input: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  channel: ClientChannel,
): Promise<void> {
  for await (const piece of input) {
    if (channel.destroyed || !channel.writable) return;
    if (channel.write(piece)) continue;
    await new Promise<void>((resolve) => {
      const go = () => {
        channel.off('drain', go);
        channel.off('close', go);
        resolve();
      };
      channel.on('drain', go);
      channel.on('close', go);
    });
  }
  channel.end();
}
