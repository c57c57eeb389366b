import { once } from 'node:events';
import { execa } from 'execa';
import { harnessFault } from '../model/fault.js';

const TELL_AFTER_MS = 2_000;
/**
 * Starts flock(1). A terminal's Ctrl-C reaches the whole process group: the holder of the lock then still ends its work, and
 * keeps the lock until it has.
 */
const DEAF = 'trap "" INT QUIT HUP; exec flock "$@"';
/** flock(1): the status with which `-n` refuses; another one than those of the shell. */
const REFUSED = 75;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for another holder, milliseconds; 0 does not wait. */
  readonly waitMs: number;
  /** Called once when the lock has not come for a while. */
  readonly onWaiting?: (() => void) | undefined;
  /**
   * What its holder is, and what to do, for the message: `another build holds it; end that build`; or what to throw
   * instead.
   */
  readonly held: string | (() => Promise<Error>);
}

/**
 * Runs `work` while only this process holds the lock of that file, which is made when it is missing. The lock is held by
 * a flock(1) that ends with its stdin, so it is released however this process ends. A harness Fault when another process
 * holds it too long or flock is missing; the signal's reason on an abort.
 */
export async function withFileLock<T>(
  file: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const { waitMs, held } = options;
  const waiting = AbortSignal.timeout(Math.max(1, waitMs));
  const signal = waitMs === 0 ? options.signal : anyOf([waiting, options.signal]);
  const patience = waitMs === 0 ? ['-n', '-E', String(REFUSED)] : [];
  const holder = execa(
    'sh',
    ['-c', DEAF, 'flock', ...patience, '-x', file, 'sh', '-c', 'echo locked; exec cat'],
    {
      stdin: 'pipe',
      buffer: { stdout: false, stderr: true },
      reject: false,
      forceKillAfterDelay: 1_000,
    },
  );
  const telling = setTimeout(() => options.onWaiting?.(), TELL_AFTER_MS);
  let locked = false;
  try {
    await Promise.race([
      once(holder.stdout, 'data', signal === undefined ? {} : { signal }),
      holder.then(async ({ originalMessage, stderr, exitCode }) => {
        if (exitCode === REFUSED) throw await heldFault(file, held);
        throw harnessFault(
          `cannot lock "${file}": ${originalMessage ?? (stderr || 'flock ended')}; install util-linux`,
        );
      }),
    ]);
    clearTimeout(telling);
    locked = true;
    return await work();
  } catch (error) {
    options.signal?.throwIfAborted();
    if (locked || !waiting.aborted || waitMs === 0) throw error;
    throw await heldFault(file, held, error);
  } finally {
    clearTimeout(telling);
    holder.stdin.end();
    // One that still waits for the lock has not begun to read.
    if (!locked) holder.kill();
    await holder;
  }
}

async function heldFault(file: string, held: LockOptions['held'], cause?: unknown): Promise<Error> {
  return typeof held === 'string' ? harnessFault(`cannot lock "${file}": ${held}`, cause) : held();
}

function anyOf(signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}
