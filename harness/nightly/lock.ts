import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { withFileLock } from '../host/file-lock.js';
import { foldLine } from '../model/escape.js';
import { usageFault } from '../model/fault.js';
import { storeFault } from '../store/store-fault.js';

const FILES = { lock: 'lock', holder: 'lock.holder' } as const;

/**
 * Runs `work` while no other night may run below `nights`; the lock ends with this process. Throws a usage fault that
 * names the holder when another night has it.
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
  const held = async () =>
    usageFault(`cannot start a night in "${nights}": ${await whoHolds(holderFile)}; wait for it`);
  return withFileLock(file, { waitMs: 0, held }, async () => {
    // Only for the message of another night; the lock is flock's.
    const text = `process ${process.pid} on ${hostname()} since ${since.toISOString()}\n`;
    await writeFile(holderFile, text, { mode: 0o600 }).catch(() => undefined);
    return work();
  });
}

async function whoHolds(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text === '' ? 'another night runs there' : `another night runs there, ${foldLine(text, 120)}`;
}
