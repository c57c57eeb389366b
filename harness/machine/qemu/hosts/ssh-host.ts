import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { sha256Of, sha256OfFile } from '../../../cache/sha256.js';
import { foldLine } from '../../../model/escape.js';
import { Fault, harnessFault, usageFault } from '../../../model/fault.js';
import type { HostAddress } from '../../../ssh/address.js';
import { connectSsh } from '../../../ssh/connect.js';
import type { CommandOptions, Script, SshConnection } from '../../../ssh/connection.js';
import { HostLost } from '../../../ssh/host-lost.js';
import type { QemuHost } from '../host.js';
import type { ProgramHost } from '../program-host.js';
import {
  DEVICE_SCRIPT,
  FACTS_SCRIPT,
  FIND_SCRIPT,
  FREE_SCRIPT,
  HAS_FILE_SCRIPT,
  PROGRAM_SCRIPT,
  PUT_FILE_SCRIPT,
} from './scripts.js';
import { type HostFacts, missingPrograms, parseHostFacts } from './host-facts.js';
import { sshPlace } from './ssh-place.js';
import { Supervisor } from './supervisor.js';
import { type TriedHost, tryQemu } from './try-qemu.js';

const ASK_DEADLINE_MS = 30_000;
/** The sha256 of an image on a slow host. */
const HASH_DEADLINE_MS = 300_000;
/** An image of 100 MB over 1 Mbit/s. */
const UPLOAD_DEADLINE_MS = 1_200_000;
/** QEMU's lists, and all that it prints. */
const OUTPUT_MOST_BYTES = 1024 * 1024;
/** A Unix socket's path may have 107 bytes (unix(7)); the one in a run's directory is `net.sock`. */
const LONGEST_DIRECTORY = 107 - '/net.sock'.length;

/** Opens a connection to the host; tests have their own. */
export type Connect = (address: HostAddress) => Promise<SshConnection>;

/** A host that is reached over ssh: QEMU runs there, everything else here. */
export interface SshHost extends QemuHost, ProgramHost {
  readonly name: string;
  /** What the host says about itself, asked once. Throws a usage fault when it lacks a program that every run needs. */
  facts(): Promise<HostFacts>;
  /** `SHA256:...` of its host key. */
  fingerprint(): Promise<string>;
  /** Starts a QEMU as a run does; see {@link tryQemu}. */
  tryQemu(qemuBinary: string): Promise<{ readonly forwards: boolean }>;
  /** Whether it can be reached now. */
  isThere(): Promise<boolean>;
  close(): void;
}

/** A host over ssh; it is connected when it is first used. Each run has a connection of its own. */
export function sshHost(
  address: HostAddress,
  { connect: open = connectSsh }: { connect?: Connect } = {},
): SshHost {
  const name = address.given;
  // One after the other: a server refuses many that have not logged in yet (sshd_config(5), MaxStartups).
  let turn: Promise<unknown> = Promise.resolve();
  const connect = (): Promise<SshConnection> => {
    const mine = turn.catch(() => undefined).then(() => open(address));
    turn = mine;
    return mine;
  };
  let shared: Promise<SshConnection> | undefined;
  let facts: Promise<HostFacts> | undefined;
  const files = new Map<string, Promise<string>>();

  /** The connection for questions and uploads; a lost one is opened again. */
  const connection = async (): Promise<SshConnection> => {
    const before = await shared?.catch(() => undefined);
    if (before === undefined || before.ended !== undefined) shared = connect();
    if (shared === undefined) throw new Error('no connection was begun');
    return shared;
  };
  const ask = async (script: Script, options: Partial<CommandOptions> = {}) =>
    (await connection()).run(script, { deadlineMs: ASK_DEADLINE_MS, ...options });

  const readFacts = async (): Promise<HostFacts> => {
    const { status, stdout, stderr } = await ask({ text: FACTS_SCRIPT });
    const text = stdout.toString('latin1');
    const found = parseHostFacts(text);
    const [first = ''] = text.split('\n');
    if (status === 0 && found !== undefined && !first.startsWith('home ')) {
      throw usageFault(
        `cannot use host "${name}": its shell prints "${foldLine(first, 80)}" before the answers of commands; let ~/.bashrc and its like print in interactive shells only, and set no CDPATH`,
      );
    }
    if (status !== 0 || found === undefined) {
      throw usageFault(
        `cannot use host "${name}": its shell cannot use ~/.cache/crashpath (${stderr || foldLine(text, 80) || 'no answer'}); it needs a POSIX shell and a home directory that can be written to`,
      );
    }
    const missing = missingPrograms(found);
    if (missing !== undefined) throw usageFault(`cannot use host "${name}": ${missing}`);
    const longest = LONGEST_DIRECTORY - '/runs/'.length - RUN_NAME_BYTES * 2;
    if (found.cache.length > longest) {
      throw usageFault(
        `cannot use host "${name}": "${found.cache}" has more than ${longest} characters, which is too long for Unix sockets in it; use an account with a shorter home directory`,
      );
    }
    return found;
  };
  const factsOnce = () => {
    const asked = (facts ??= readFacts());
    asked.catch(() => {
      if (facts === asked) facts = undefined;
    });
    return asked;
  };

  /** Stores content under its sha256, once; resolves with the sha256. */
  const store = (sha256: string, open: () => AsyncIterable<Uint8Array>): Promise<string> => {
    const stored = files.get(sha256);
    if (stored !== undefined) return stored;
    const put = (async () => {
      const has = await ask({ text: HAS_FILE_SCRIPT, args: [sha256] }, { deadlineMs: HASH_DEADLINE_MS });
      const said = has.stdout.toString('latin1').trim();
      if (said === 'yes') return sha256;
      if (said !== 'no') throw new HostLost(name, `it cannot look into its cache: ${has.stderr || said}`);
      const { stdout, stderr } = await ask(
        { text: PUT_FILE_SCRIPT, args: [sha256, freshName()] },
        { deadlineMs: UPLOAD_DEADLINE_MS, input: open() },
      );
      if (stdout.toString('latin1').trim() === 'stored') return sha256;
      throw harnessFault(
        `cannot store a file on host "${name}": ${stderr || 'its sha256 differs there'}; is its disk full?`,
      );
    })();
    files.set(sha256, put);
    // What failed is tried again at the next run.
    put.catch(() => files.delete(sha256));
    return put;
  };
  const hashes = new Map<string, Promise<string>>();
  const fileThere = async (path: string): Promise<string> => {
    const { size, mtimeMs } = await stat(path);
    const key = `${path} ${size} ${mtimeMs}`;
    const hash = hashes.get(key) ?? sha256OfFile(path);
    hashes.set(key, hash);
    return `../../files/${await store(await hash, () => createReadStream(path))}`;
  };

  const withSupervisor = async <T>(use: (tried: TriedHost) => Promise<T>): Promise<T> => {
    await factsOnce();
    const run = await connect();
    try {
      const runName = freshName();
      const supervisor = await Supervisor.start(run, runName);
      try {
        return await use({ connection: run, supervisor, name: runName });
      } finally {
        await supervisor.close();
      }
    } finally {
      run.close();
    }
  };

  return {
    name,
    facts: factsOnce,
    fingerprint: async () => (await connection()).fingerprint,
    bootId: async () => (await factsOnce()).bootId,
    async find(binary) {
      const { stdout } = await ask({ text: FIND_SCRIPT, args: [binary] });
      const path = stdout.toString('latin1').trim();
      return /^\/[\x21-\x7e]{1,4000}$/.test(path) ? path : undefined;
    },
    async tryDevice(path) {
      const word = (await ask({ text: DEVICE_SCRIPT, args: [path] })).stdout.toString('latin1').trim();
      return word === 'opens' || word === 'absent' || word === 'denied' ? word : 'broken';
    },
    async run(path, args, { deadlineMs, input, signal, onFirstOutput }) {
      const late = AbortSignal.timeout(deadlineMs);
      const how = input === undefined ? ['none', ''] : ['pipe', input];
      try {
        const { status, stdout, stderr } = await ask(
          { text: PROGRAM_SCRIPT, args: [...how, path, ...args] },
          {
            // Its own deadline comes first.
            deadlineMs: deadlineMs + ASK_DEADLINE_MS,
            mostBytes: OUTPUT_MOST_BYTES,
            signal: signal === undefined ? late : AbortSignal.any([signal, late]),
            onFirstOutput,
          },
        );
        return { status, stdout: stdout.toString('utf8'), stderr, late: false };
      } catch (error) {
        signal?.throwIfAborted();
        if (!late.aborted || error instanceof HostLost) throw error;
        return { status: undefined, stdout: '', stderr: '', late: true };
      }
    },
    async keep(content) {
      const sha256 = sha256Of(content);
      const { cache } = await factsOnce();
      await store(sha256, async function* once() {
        yield content;
      });
      return `${cache}/files/${sha256}`;
    },
    async openPlace({ directory }) {
      const { programs } = await factsOnce();
      const run = await connect();
      try {
        const runName = freshName();
        const supervisor = await Supervisor.start(run, runName);
        const hasGzip = programs.has('gzip');
        return sshPlace({ directory, name: runName, connection: run, supervisor, fileThere, hasGzip });
      } catch (error) {
        run.close();
        throw error;
      }
    },
    async openMemory() {
      await factsOnce();
      const keeps = await connect();
      try {
        const supervisor = await Supervisor.start(keeps, freshName());
        const path = await supervisor.openMemory();
        const end = async () => {
          await supervisor.close().finally(() => keeps.close());
        };
        // One that is lost has ended by itself.
        return { path, taken: () => 0, close: () => void end().catch(() => undefined) };
      } catch (error) {
        keeps.close();
        throw error;
      }
    },
    async freeMemory() {
      const { stdout } = await ask({ text: FREE_SCRIPT });
      const text = stdout.toString('latin1');
      const bytesOf = (key: string) =>
        1024 * Number(new RegExp(`^${key} (\\d{1,15})$`, 'm').exec(text)?.[1] ?? 0);
      return { available: bytesOf('available'), inFiles: bytesOf('files') };
    },
    tryQemu: (qemuBinary) => withSupervisor((tried) => tryQemu(tried, qemuBinary)),
    async isThere() {
      try {
        const { status } = await ask({ text: 'exit 0' });
        return status === 0;
      } catch (error) {
        // Whatever it is, a key that was changed included, runs would meet it as well.
        if (error instanceof Fault) return false;
        throw error;
      }
    },
    close() {
      void shared?.then(
        (open) => open.close(),
        () => undefined,
      );
    },
  };
}

const RUN_NAME_BYTES = 8;

function freshName(): string {
  return randomBytes(RUN_NAME_BYTES).toString('hex');
}
