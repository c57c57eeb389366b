import { constants, openSync, closeSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from '../cache/kept-file.js';
import { writeWhole } from '../cache/write-whole.js';
import { withFileLock } from '../host/file-lock.js';
import { messageOf } from '../model/errno.js';
import { Fault, harnessFault } from '../model/fault.js';
import { KEEP_SOCKET } from './socket.js';

/**
 * Dead guests that stay up after their runs. Each has a supervisor that owns it and listens on a socket in the run
 * directory; a file in the cache names it, so that all of them are found and counted.
 */

const MIB = 1024 * 1024;
const ANSWER_MS = 5_000;
/** From SIGTERM over SIGKILL to QEMU's end. */
const END_MS = 20_000;
const LOCK_MS = 60_000;
const LONGEST_ANSWER = 4_096;
/** All kept guests together may take this part of the host's memory. */
const MEMORY_PART = 0.5;

const EntrySchema = z.object({ directory: z.string().max(4096), memoryMiB: z.number().int().min(0) });
const StatusSchema = z.object({
  pid: z.number().int(),
  supervisor: z.number().int(),
  leftMs: z.number(),
});

/** What a supervisor says of its guest: the process ids of QEMU and of itself, and how long the guest stays. */
export type KeptStatus = z.infer<typeof StatusSchema>;

/** A guest that is up. */
export interface KeptGuest extends KeptStatus {
  /** Its run directory. */
  readonly directory: string;
  readonly memoryMiB: number;
}

/** All guests that are up, of all campaigns that used this cache. What is left of others is removed. */
export async function keptGuests(cacheDir: string): Promise<KeptGuest[]> {
  const found: KeptGuest[] = [];
  for (const { file, directory, memoryMiB } of await entries(cacheDir)) {
    const status = await statusOf(directory);
    if (status === undefined) await rm(file, { force: true });
    else found.push({ ...status, directory, memoryMiB });
  }
  return found;
}

async function entries(cacheDir: string): Promise<{ file: string; directory: string; memoryMiB: number }[]> {
  const folder = folderOf(cacheDir);
  const names = await readdir(folder).catch(() => []);
  const found = [];
  for (const name of names.filter((one) => one.endsWith('.json')).toSorted()) {
    const file = join(folder, name);
    const entry = await readJsonFile(file, EntrySchema);
    if (entry !== undefined) found.push({ file, ...entry });
  }
  return found;
}

/** A guest that shall stay up. */
export interface NewGuest {
  readonly directory: string;
  readonly memoryMiB: number;
  /** The most that may be up at a time, this one included. */
  readonly most: number;
}

/**
 * Adds a guest to those that are up, when there is room for it, and hands it over by `leave`, to which the file is given
 * that its supervisor removes with it. One at a time on a host. Returns why there is no room; undefined when it is up.
 */
export async function keepGuest(
  cacheDir: string,
  { directory, memoryMiB, most }: NewGuest,
  leave: (entry: string) => Promise<void>,
): Promise<string | undefined> {
  const folder = folderOf(cacheDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const held = 'another run keeps its guest; run again';
  return withFileLock(join(folder, 'lock'), { waitMs: LOCK_MS, held }, async () => {
    const up = await keptGuests(cacheDir);
    const why = noRoom(up, { memoryMiB, most, totalMiB: totalmem() / MIB });
    if (why !== undefined) return why;
    const entry = join(folder, `${process.pid}-${Date.now()}.json`);
    await writeWhole(entry, `${JSON.stringify({ directory, memoryMiB })}\n`, { mode: 0o600 });
    try {
      await leave(entry);
    } catch (error) {
      await rm(entry, { force: true });
      throw error;
    }
    return undefined;
  });
}

/** Why another guest may not stay up. Pure. */
export function noRoom(
  up: readonly Pick<KeptGuest, 'memoryMiB'>[],
  { memoryMiB, most, totalMiB }: { memoryMiB: number; most: number; totalMiB: number },
): string | undefined {
  if (up.length >= most) return `${up.length} of ${most} guests are up already`;
  const sum = up.reduce((all, guest) => all + guest.memoryMiB, memoryMiB);
  const mostMiB = Math.floor(totalMiB * MEMORY_PART);
  return sum > mostMiB
    ? `the guests that are up would have ${sum} MiB, and ${mostMiB} MiB are the most`
    : undefined;
}

/** Asks the supervisor of a run's guest; undefined when there is none. */
export async function statusOf(directory: string): Promise<KeptStatus | undefined> {
  const answer = await ask(directory, { word: 'status', withinMs: ANSWER_MS }).catch(() => undefined);
  if (answer === undefined) return undefined;
  try {
    return StatusSchema.parse(JSON.parse(answer));
  } catch {
    return undefined;
  }
}

/** Ends a run's guest; resolves when QEMU has ended. Throws a harness fault. */
export async function endGuest(directory: string): Promise<void> {
  try {
    const answer = await ask(directory, { word: 'end', withinMs: END_MS });
    if (answer.trim() === 'ended') return;
    throw new Error('its supervisor did not say so');
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw harnessFault(
      `cannot end the guest of "${directory}": ${messageOf(error)}; see crashpath attach --list for its process`,
      error,
    );
  }
}

/** One word to a supervisor, and its answer. Rejects when none listens, or it does not answer in time. */
async function ask(
  directory: string,
  { word, withinMs }: { readonly word: string; readonly withinMs: number },
): Promise<string> {
  // A Unix socket's path may have 107 bytes at most (unix(7)).
  const folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const answered = new Promise<string>((resolve, reject) => {
    const socket = connect(`/proc/self/fd/${folder}/${KEEP_SOCKET}`);
    let answer = '';
    socket.setTimeout(withinMs, () => socket.destroy(new Error(`no answer within ${withinMs} ms`)));
    socket.once('connect', () => socket.write(`${word}\n`));
    socket.on('data', (bytes: Buffer) => {
      answer = (answer + bytes.toString('latin1')).slice(0, LONGEST_ANSWER);
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
  try {
    return await answered;
  } finally {
    closeSync(folder);
  }
}

function folderOf(cacheDir: string): string {
  return join(cacheDir, 'kept');
}
