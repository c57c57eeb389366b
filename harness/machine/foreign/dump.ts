import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { z } from 'zod';
import type { PhysicalMemory } from '../../autopsy/physical-memory.js';
import { errnoOf, messageOf, reasonFor } from '../../model/errno.js';
import { foldLine } from '../../model/escape.js';
import { harnessFault, usageFault } from '../../model/fault.js';
import { type CoreNotes, readCoreNotes } from '../../symbols/index.js';
import { blockCache } from './block-cache.js';
import { DUMP_PROGRAM } from './dump-program.js';

/** A dump while it is read. */
export interface Dump extends CoreNotes {
  /** `ELF dump`. */
  readonly format: string;
  readonly memory: PhysicalMemory;
  /** Addresses of pages that begin with a text. Takes seconds for each GiB. */
  find(text: string): Promise<bigint[]>;
  close(): Promise<void>;
}

/** Debian's interpreter: its packages are not those of another one that PATH may name. */
export const DUMP_PYTHON = '/usr/bin/python3';
/** The Debian package of the reader. */
export const DUMP_PACKAGE = 'python3-libkdumpfile';
/** Whether the reader can be used on this host. */
export async function hasDumpReader(python = DUMP_PYTHON): Promise<boolean> {
  const asked = await execa(python, ['-I', '-c', 'import kdumpfile'], {
    reject: false,
    timeout: ANSWER_MS,
    killSignal: 'SIGKILL',
    stdin: 'ignore',
  });
  return !asked.failed;
}

/** One answer; opening a flattened dump rearranges all of it. */
const OPEN_MS = 600_000;
const ANSWER_MS = 30_000;
const FIND_MS = 900_000;
const MOST_PHYSICAL = 1n << 52n;

const HEAD = z.union([
  z.object({ error: z.string(), why: z.string() }),
  z.object({ format: z.string().max(64), notes: z.base64(), vmcoreinfo: z.base64() }),
]);
const DATA = z.object({ data: z.base64().nullable() });
const WHOLE = z.object({ whole: z.boolean() });
const FOUND = z.object({ found: z.array(z.string().regex(/^[\da-f]{1,16}$/)).max(64) });

/** Opens a dump. Throws a usage fault of one line for a file that is none, is truncated or of another machine. */
export async function openDump(path: string, { signal }: { readonly signal: AbortSignal }): Promise<Dump> {
  const cannot = `cannot read dump "${path}"`;
  const found = await stat(path).catch((error: unknown) => {
    throw usageFault(
      `${cannot}: ${reasonFor(errnoOf(error)) ?? messageOf(error)}; give a dump's path`,
      error,
    );
  });
  if (!found.isFile()) throw usageFault(`${cannot}: it is no regular file; give a dump's path`);
  if (!existsSync(DUMP_PYTHON)) throw libraryFault(cannot);
  const asked = askProgram(path, signal);
  try {
    const head = HEAD.parse(await asked.next(OPEN_MS));
    if ('error' in head) throw refusal(cannot, head);
    const whole = WHOLE.parse(await asked.ask({ last: true }, OPEN_MS));
    if (!whole.whole) throw refusal(cannot, { error: 'truncated', why: '' });
    const notes = readCoreNotes(Buffer.from(head.notes, 'base64'));
    const info = Buffer.from(head.vmcoreinfo, 'base64').toString('latin1');
    return {
      format: head.format,
      cpus: notes.cpus,
      vmcoreinfo: info === '' ? notes.vmcoreinfo : info,
      memory: blockCache([{ start: 0n, end: MOST_PHYSICAL }], {
        async read(address, length) {
          const { data } = DATA.parse(await asked.ask({ read: [Number(address), length] }, ANSWER_MS));
          const bytes = data === null ? undefined : Buffer.from(data, 'base64');
          return bytes?.length === length ? bytes : undefined;
        },
      }),
      async find(text) {
        const { found: pages } = FOUND.parse(await asked.ask({ find: text }, FIND_MS));
        return pages.map((address) => BigInt(`0x${address}`));
      },
      close: () => asked.close(),
    };
  } catch (error) {
    await asked.close();
    signal.throwIfAborted();
    if (error instanceof z.ZodError)
      throw harnessFault(`${cannot}: its reader gave no sense; report it`, error);
    throw error;
  }
}

function libraryFault(cannot: string): Error {
  return harnessFault(
    `${cannot}: libkdumpfile for ${DUMP_PYTHON} is not installed; install ${DUMP_PACKAGE} (apt-get install ${DUMP_PACKAGE})`,
  );
}

function refusal(cannot: string, { error, why }: { readonly error: string; readonly why: string }): Error {
  const said = foldLine(why).replaceAll(';', ',');
  switch (error) {
    case 'no-library':
      return libraryFault(cannot);
    case 'truncated':
      return usageFault(`${cannot}: it is truncated; copy it again, or dump again with enough room`);
    case 'other-machine':
      return usageFault(`${cannot}: it is of another machine than x86-64 (${said}); only those are read`);
    case 'no-dump':
      return usageFault(
        `${cannot}: it is ${said}; give a vmcore, or what dump-guest-memory or virsh dump --memory-only wrote (a console's log is for crashpath read)`,
      );
    default:
      return usageFault(`${cannot}: ${said}; is it damaged?`);
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Most characters of one answer: a megabyte of data, or the notes. */
const MOST_LINE = 32 * 1024 * 1024;

/** The program, asked one thing at a time. */
function askProgram(path: string, signal: AbortSignal) {
  const child: Child = spawn(DUMP_PYTHON, ['-I', '-c', DUMP_PROGRAM, path], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C.UTF-8',
      ...(process.env['TMPDIR'] === undefined ? {} : { TMPDIR: process.env['TMPDIR'] }),
    },
  });
  let complaint = '';
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString('latin1')).slice(-2000);
  });
  child.stdin.on('error', () => {
    // The end of the program is reported by the read that follows.
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })[
    Symbol.asyncIterator
  ]();
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  let turn: Promise<unknown> = Promise.resolve();
  const next = async (deadlineMs: number): Promise<unknown> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), deadlineMs);
    });
    try {
      const line = await Promise.race([lines.next(), late]);
      signal.throwIfAborted();
      if (line === undefined) {
        stop();
        throw harnessFault(
          `cannot read dump "${path}": its reader gave no answer within ${deadlineMs / 1000} s; is the disk slow?`,
        );
      }
      if (line.done === true || line.value.length > MOST_LINE) {
        const why = foldLine(complaint.trim().split('\n').at(-1) ?? '').replaceAll(';', ',');
        throw usageFault(
          `cannot read dump "${path}": its reader ended${why === '' ? '' : ` (${why})`}; is it damaged?`,
        );
      }
      return JSON.parse(line.value);
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    next,
    ask(request: object, deadlineMs: number): Promise<unknown> {
      const asked = turn.then(() => {
        child.stdin.write(`${JSON.stringify(request)}\n`);
        return next(deadlineMs);
      });
      turn = asked.catch(() => undefined);
      return asked;
    },
    async close() {
      signal.removeEventListener('abort', stop);
      child.stdin.end();
      stop();
      await ended;
    },
  };
}
