/** A crashpath under test, from outside: its process, and what its campaigns hold on this host. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../cli/context.js';

const MAIN = join(PACKAGE_ROOT, 'dist/cli/main.js');
/** Of its messages the last ones are kept. */
const MESSAGES_LENGTH = 4_096;
/** Memory that the file system of the templates may lose meanwhile; other programs use it too. */
const SHARED_BYTES = 16 * 1024 * 1024;

export interface CampaignProcess {
  readonly pid: number;
  /** The lines that it printed on stdout; one without its end was not printed. */
  readonly printed: () => readonly string[];
  /** The end of what it printed on stderr. */
  readonly messages: () => string;
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Starts `crashpath` with these words, in a process group of its own, which ends with this process. */
export function startCampaign(words: readonly string[]): CampaignProcess {
  const { NODE_OPTIONS: _unused, ...environment } = process.env;
  const child = spawn(process.execPath, [MAIN, ...words], {
    detached: true,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  let rest = '';
  let messages = '';
  child.stdout.on('data', (bytes: Buffer) => {
    const parts = (rest + bytes.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  child.stderr.on('data', (bytes: Buffer) => {
    messages = (messages + bytes.toString('utf8')).slice(-MESSAGES_LENGTH);
  });
  const { pid = -1 } = child;
  const killWithThis = () => killNow(pid);
  process.once('exit', killWithThis);
  const ended = once(child, 'close').then(([code]) => {
    process.off('exit', killWithThis);
    return typeof code === 'number' ? code : null;
  });
  return { pid, printed: () => lines, messages: () => messages, ended };
}

export function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Processes that belong to the campaigns in a directory: those that run in it. */
export async function processesIn(out: string): Promise<{ pid: number; command: string }[]> {
  const found = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const cwd = await readlink(`/proc/${name}/cwd`).catch(() => '');
    if (!cwd.startsWith(`${out}/`)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    found.push({ pid: Number(name), command: command.replaceAll('\0', ' ') });
  }
  return found;
}

/** Sockets that are neither in the directory of a run nor in that of a template. */
export async function socketsOutside(out: string): Promise<string[]> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  const below = entries.flatMap((entry) => (entry.isSocket() ? [join(entry.parentPath, entry.name)] : []));
  const isInRun = (path: string) => path.slice(out.length + 1).split('/').length >= 3;
  return below.filter((path) => !isInRun(path));
}

/** Has this process, and with it the campaigns that it has started, end by the signals that end a command. */
export function endBySignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}

/** Watches the file system that holds the templates' memory. The result says what it has lost since; empty: nothing. */
export async function watchSharedMemory(): Promise<() => Promise<string[]>> {
  const before = await sharedBytes();
  return async () => {
    const lost = (await sharedBytes()) - before;
    return lost > SHARED_BYTES ? [`${lost} bytes of /dev/shm are in use that were not`] : [];
  };
}

async function sharedBytes(): Promise<number> {
  const { blocks, bfree, bsize } = await statfs('/dev/shm');
  return (blocks - bfree) * bsize;
}
