import type { ClientChannel } from 'ssh2';
import { foldLine } from '../../../model/escape.js';
import { harnessFault } from '../../../model/fault.js';
import type { SshConnection } from '../../../ssh/connection.js';
import { HostLost } from '../../../ssh/host-lost.js';
import type { QemuExit, QemuLost } from '../process.js';
import { SILENT_SECONDS, SUPERVISOR_SCRIPT } from './scripts.js';

/** Well within the time after which the host ends QEMU. */
const BEAT_MS = 1_000;
/** The shell and its first commands; a forking host may be slow. */
const READY_DEADLINE_MS = 30_000;
const STARTED_DEADLINE_MS = 20_000;
/** SIGTERM, a second, SIGKILL, and the way back. */
const ENDED_DEADLINE_MS = 15_000;
const STDERR_TAIL_CHARACTERS = 4_096;
/** The longest line has the times of 256 threads. */
const LONGEST_LINE = 32_768;
const SIGNALS: Readonly<Record<number, string>> = {
  6: 'SIGABRT',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
};

/** Nanoseconds, as /proc/PID/task/TID/schedstat has them, and the number of time slices; by thread id. */
export type ThreadTimes = ReadonlyMap<number, readonly [ran: string, waited: string, slices: string]>;

/**
 * The shell that owns one QEMU on a host (see {@link SUPERVISOR_SCRIPT}). It hears from here each second; when it does
 * not, or the connection ends, it ends QEMU and removes the directory by itself.
 */
export class Supervisor {
  /** The directory's absolute path on the host. */
  readonly directory: string;
  /** How QEMU ended, or that the host is lost. Never rejects. */
  readonly ended: Promise<QemuExit | QemuLost>;
  readonly #channel: ClientChannel;
  readonly #lines: LineReader;
  readonly #beat: NodeJS.Timeout;
  #settle: ((end: QemuExit | QemuLost) => void) | undefined;
  #stderr = '';
  #closed: Promise<void>;
  #isClosed = false;
  #asking = false;
  /** The shortest so far: the host's own time is in the longer ones. */
  #roundTripMs = Number.POSITIVE_INFINITY;

  private constructor(channel: ClientChannel, { directory, lines, connection, ended }: SupervisorParts) {
    this.#channel = channel;
    this.#lines = lines;
    this.directory = directory;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    channel.stderr.on('data', (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString('latin1')).slice(-STDERR_TAIL_CHARACTERS);
    });
    this.#beat = setInterval(() => this.#send('b'), BEAT_MS);
    this.#beat.unref();
    this.#closed = new Promise((resolve) => {
      const end = (why: string) => {
        this.#isClosed = true;
        clearInterval(this.#beat);
        this.#end({ lost: why });
        resolve();
      };
      void ended.then(() => end(connection.ended ?? 'its supervisor has ended'));
      void connection.lost.then(end);
    });
    lines.onLine = (line) => this.#receive(line);
  }

  /** Starts the supervisor; `name` is the new directory's. Throws {@link HostLost}. */
  static async start(connection: SshConnection, name: string): Promise<Supervisor> {
    const { channel, ended } = await connection.start({ text: SUPERVISOR_SCRIPT, args: [name] });
    const lines = new LineReader(channel, { host: connection.host, ended });
    let complaint = '';
    const complain = (bytes: Buffer) => {
      complaint = (complaint + bytes.toString('latin1')).slice(-STDERR_TAIL_CHARACTERS);
    };
    channel.stderr.on('data', complain);
    try {
      const line = await lines.next(READY_DEADLINE_MS);
      const directory = /^dir (\/[\x21-\x7e]{1,200})$/.exec(line ?? '')?.[1];
      if (directory?.endsWith(`/${name}`) === true) {
        channel.stderr.off('data', complain);
        return new Supervisor(channel, { directory, lines, connection, ended });
      }
      const said =
        foldLine(complaint) || (line === undefined ? 'no answer' : `it said "${foldLine(line, 80)}"`);
      throw new HostLost(connection.host, `its shell cannot make a directory in ~/.cache/crashpath: ${said}`);
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  /** How long a question is on its way there and back, milliseconds; 0 while none was answered. */
  get roundTripMs(): number {
    return Number.isFinite(this.#roundTripMs) ? this.#roundTripMs : 0;
  }

  /** The end of what QEMU printed on stderr, at most 4 KiB. */
  get stderrTail(): string {
    return this.#stderr;
  }

  /** Starts QEMU; `words` is its command line. Resolves with its pid there. Throws {@link HostLost}. */
  async startQemu(words: readonly string[]): Promise<number> {
    for (const word of words) {
      if (/[\n\0]/.test(word))
        throw harnessFault(`cannot start QEMU with "${foldLine(word)}": it has a line feed`);
      this.#send(`a ${word}`);
    }
    const started = this.#lines.wanted(/^pid (\d{1,10})$/, STARTED_DEADLINE_MS);
    this.#send('s');
    const pid = (await started)?.[1];
    if (pid === undefined) throw new HostLost(this.#host, 'QEMU was not started there in time');
    return Number(pid);
  }

  /** Opens a file for a template's memory there; its path. Throws {@link HostLost}, or a fault. */
  async openMemory(): Promise<string> {
    const answer = this.#lines.wanted(/^memory (none|\/proc\/\d{1,10}\/fd\/\d)$/, READY_DEADLINE_MS);
    this.#send('m');
    const path = (await answer)?.[1];
    if (path === undefined) throw new HostLost(this.#host, 'its shell did not open a file in /dev/shm');
    if (path !== 'none') return path;
    throw harnessFault(`cannot make a template on host "${this.#host}": it has no /dev/shm to write to`);
  }

  /** Asks for the times of QEMU's threads; undefined while the last question is not answered. */
  async times(tids: readonly number[]): Promise<ThreadTimes | undefined> {
    if (this.#asking || this.#isClosed) return undefined;
    this.#asking = true;
    try {
      const answer = this.#lines.wanted(/^t((?: \d{1,20})*)$/, SILENT_SECONDS * 1_000);
      const askedMs = performance.now();
      this.#send(`t ${tids.join(' ')}`);
      const found = await answer;
      if (found === undefined) return undefined;
      this.#roundTripMs = Math.min(this.#roundTripMs, performance.now() - askedMs);
      const numbers = found[1]?.trim().split(' ') ?? [];
      const times = new Map<number, readonly [string, string, string]>();
      for (let at = 0; at + 3 < numbers.length; at += 4) {
        const [tid = '', ran = '', waited = '', slices = ''] = numbers.slice(at, at + 4);
        times.set(Number(tid), [ran, waited, slices]);
      }
      return times;
    } finally {
      this.#asking = false;
    }
  }

  /** Ends QEMU. Resolves with its end; throws {@link HostLost} when the host does not tell in time. */
  async endQemu(): Promise<QemuExit | QemuLost> {
    this.#send('k');
    const end = await within(this.ended, ENDED_DEADLINE_MS);
    if (end !== undefined) return end;
    throw new HostLost(this.#host, `QEMU was not seen to end there within ${ENDED_DEADLINE_MS} ms`);
  }

  /** Lets the supervisor remove the directory and end. */
  async close(): Promise<void> {
    clearInterval(this.#beat);
    this.#send('q');
    this.#channel.end();
    await within(this.#closed, ENDED_DEADLINE_MS);
    this.#channel.close();
  }

  get #host(): string {
    return this.#lines.host;
  }

  #send(line: string): void {
    if (!this.#isClosed && this.#channel.writable) this.#channel.write(`${line}\n`);
  }

  #receive(line: string): void {
    if (line === 'silent') {
      this.#end({
        lost: `nothing came through the connection for ${SILENT_SECONDS} s, so QEMU was ended there`,
      });
      return;
    }
    if (line === 'gone') {
      this.#end({ lost: 'its directory there was removed, so QEMU was ended there' });
      return;
    }
    const status = /^exit (\d{1,3})$/.exec(line)?.[1];
    if (status === undefined) return;
    const number = Number(status);
    const signal = number > 128 ? (SIGNALS[number - 128] ?? `signal ${number - 128}`) : null;
    const end = { code: signal === null ? number : null, signal, stderr: this.#stderr };
    // What it printed last comes on a stream of its own.
    setTimeout(() => this.#end({ ...end, stderr: this.#stderr }), 50);
  }

  #end(end: QemuExit | QemuLost): void {
    this.#settle?.(end);
    this.#settle = undefined;
  }
}

interface SupervisorParts {
  readonly directory: string;
  readonly lines: LineReader;
  readonly connection: SshConnection;
  /** Resolves when the channel is closed. */
  readonly ended: Promise<unknown>;
}

/** The lines of a channel; longer ones are cut. */
class LineReader {
  /** Takes the lines that nobody waits for. */
  onLine: ((line: string) => void) | undefined;
  readonly host: string;
  #rest = '';
  #isOver = false;
  #wanted: { readonly form: RegExp; readonly take: (found: RegExpExecArray | undefined) => void }[] = [];

  constructor(
    channel: ClientChannel,
    { host, ended }: { readonly host: string; readonly ended: Promise<unknown> },
  ) {
    this.host = host;
    channel.on('data', (bytes: Buffer) => this.#push(bytes.toString('latin1')));
    void ended.then(() => {
      this.#isOver = true;
      for (const { take } of this.#wanted.splice(0)) take(undefined);
    });
  }

  /** The next line; undefined when there is none within the deadline. */
  async next(deadlineMs: number): Promise<string | undefined> {
    return (await this.wanted(/^.*$/s, deadlineMs))?.[0];
  }

  /** The next line of that form; undefined when there is none within the deadline. */
  wanted(form: RegExp, deadlineMs: number): Promise<RegExpExecArray | undefined> {
    if (this.#isOver) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const take = (found: RegExpExecArray | undefined) => {
        clearTimeout(timer);
        this.#wanted = this.#wanted.filter((one) => one.take !== take);
        resolve(found);
      };
      const timer = setTimeout(() => take(undefined), deadlineMs);
      this.#wanted.push({ form, take });
    });
  }

  #push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) this.#give(line.slice(0, LONGEST_LINE));
  }

  #give(line: string): void {
    for (const { form, take } of this.#wanted) {
      const found = form.exec(line);
      if (found === null) continue;
      take(found);
      return;
    }
    this.onLine?.(line);
  }
}

/** Undefined when the deadline passes first. */
function within<T>(work: Promise<T>, deadlineMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), deadlineMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
