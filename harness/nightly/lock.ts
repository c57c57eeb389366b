import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { foldLine } from '../model/escape.js';
import { harnessFault, usageFault } from '../model/fault.js';
import { storeFault } from '../store/store-fault.js';

const FILES = { lock: 'lock', holder: 'lock.holder' } as const;
/** flock(1): the status with which `-n` refuses; another one than those of the shell. */
const REFUSED = 75;

/**
 * Runs `work` while no other night may run below `nights`. The lock is held by a flock(1) that ends with its stdin, so it
 * is released however this process ends, and no file has to be removed. Throws a usage fault that names the holder when
 * another night has it, a harness fault when flock is missing.
 */
export async function withNightLock<T>(
  nights: string,
  { since }: { readonly since: Date },
  work: () => Promise<T>,
): Promise<T> {
  const [file, holderFile] = [join(nights, FILES.lock), join(nights, FILES.holder)];
  await mkdir(nights, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw storeFault('create', nights, error);
  });
  const args = ['-x', '-n', '-E', String(REFUSED), file, 'sh', '-c', 'echo locked; exec cat'];
  const holder = execa('flock', args, {
    stdin: 'pipe',
    buffer: false,
    reject: false,
    forceKillAfterDelay: 1_000,
  });
  try {
    await Promise.race([
      once(holder.stdout, 'data'),
      holder.then(async ({ exitCode, originalMessage }) => {
        if (exitCode === REFUSED) {
          throw usageFault(`cannot start a night in "${nights}": ${await whoHolds(holderFile)}; wait for it`);
        }
        throw harnessFault(`cannot lock "${file}": ${originalMessage ?? 'flock ended'}; install util-linux`);
      }),
    ]);
    // Only for the message of another night; the lock is flock's.
    const text = `process ${process.pid} on ${hostname()} since ${since.toISOString()}\n`;
    await writeFile(holderFile, text, { mode: 0o600 }).catch(() => undefined);
    return await work();
  } finally {
    holder.stdin.end();
    holder.kill();
    await holder;
  }
}

async function whoHolds(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text === '' ? 'another night runs there' : `another night runs there, ${foldLine(text, 120)}`;
}
