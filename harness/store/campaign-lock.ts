import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { withFileLock } from '../host/file-lock.js';
import { foldLine } from '../model/escape.js';
import { usageFault } from '../model/fault.js';
import { storeFault } from './store-fault.js';

const LOCK = 'lock';
/** A crashpath that was killed a moment ago still has it on a busy host: the lock ends with a child of it. */
const WAIT_MS = 3_000;

/**
 * Runs `work` while no other crashpath carries out the same campaign: it would take the runs under way for cut off, repeat
 * them, and cut off the line that the other one writes. Throws a usage fault that names the holder, and a harness fault
 * when the directory cannot be written.
 */
export async function withCampaignLock<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const file = join(directory, LOCK);
  await access(directory, constants.W_OK).catch((error: unknown) => {
    throw storeFault('write', directory, error);
  });
  const held = async () =>
    usageFault(
      `cannot continue campaign "${directory}": ${await whoHolds(file)}; wait for its end, or stop it`,
    );
  return withFileLock(file, { waitMs: WAIT_MS, held }, async () => {
    // Only for the message of another one; the lock is flock's.
    const text = `process ${process.pid} on ${hostname()} since ${new Date().toISOString()}\n`;
    await writeFile(file, text, { mode: 0o600 }).catch(() => undefined);
    return work();
  });
}

async function whoHolds(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text === ''
    ? 'another crashpath carries it out'
    : `another crashpath carries it out, ${foldLine(text, 120)}`;
}
