import { chmod, mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa, ExecaError } from 'execa';
import { harnessFault } from '../model/fault.js';
import { messageOf } from '../model/errno.js';
import type { PlannedEntry } from './plan-image.js';
import { isDirectoryMode, listNewc, settleDirectoryLinks } from './newc.js';

/** An entry and the bytes of its file; directories have none. */
export interface StagedEntry {
  readonly entry: PlannedEntry;
  readonly bytes?: Buffer | undefined;
}

/** cpio copies some 20 MiB from the page cache: well under a second, unless the disk is in trouble. */
const CPIO_DEADLINE_MS = 120_000;
/** Above any image that a guest of this harness could unpack. */
const ARCHIVE_LIMIT_BYTES = 1024 ** 3;
/** One fixed time for every entry: the epoch. */
const MTIME_S = 0;

/**
 * Lays the entries out in `stageDir` (new, empty) and packs them with GNU cpio into a newc archive whose bytes
 * depend on nothing but the entries: owner 0:0, one mtime, renumbered inodes, no device numbers, entries in the
 * given order. No root needed, because ownership is written by cpio and no device nodes are made (devtmpfs brings
 * them). Throws a harness Fault when cpio fails or packed something else; file system errors pass unchanged.
 */
export async function packEntries(
  entries: readonly StagedEntry[],
  stageDir: string,
  options: { readonly cpio: string; readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  for (const { entry, bytes } of entries) {
    options.signal?.throwIfAborted();
    const path = join(stageDir, entry.path);
    if (entry.kind === 'dir') await mkdir(path);
    else await writeFile(path, bytes ?? Buffer.alloc(0), { flag: 'wx' });
  }
  // Children first: writing into a directory moves its mtime. Modes are set apart because of the umask.
  for (const { entry } of entries.toReversed()) {
    const path = join(stageDir, entry.path);
    await chmod(path, entry.mode);
    await utimes(path, MTIME_S, MTIME_S);
  }
  const archive = await runCpio(
    entries.map(({ entry }) => entry.path),
    stageDir,
    options,
  );
  const difference = compareWithPlan(archive, entries);
  if (difference !== undefined) {
    throw harnessFault(
      `cannot pack a guest image with "${options.cpio}": ${difference}; use GNU cpio (apt-get install cpio)`,
    );
  }
  settleDirectoryLinks(archive);
  return archive;
}

async function runCpio(
  paths: readonly string[],
  stageDir: string,
  options: { readonly cpio: string; readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  const args = ['--null', '-o', '-H', 'newc', '--quiet', '--reproducible', '--owner=0:0'];
  try {
    const result = await execa(options.cpio, args, {
      cwd: stageDir,
      input: paths.map((path) => `${path}\0`).join(''),
      extendEnv: false,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
      encoding: 'buffer',
      stripFinalNewline: false,
      maxBuffer: ARCHIVE_LIMIT_BYTES,
      timeout: CPIO_DEADLINE_MS,
      killSignal: 'SIGKILL',
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    });
    return Buffer.from(result.stdout.buffer, result.stdout.byteOffset, result.stdout.byteLength);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw harnessFault(
      `cannot pack a guest image with "${options.cpio}": ${cpioComplaint(error)}; use GNU cpio (apt-get install cpio)`,
      error,
    );
  }
}

function cpioComplaint(error: unknown): string {
  if (!(error instanceof ExecaError)) return messageOf(error);
  if (error.timedOut) return `it did not finish in ${CPIO_DEADLINE_MS} ms`;
  const stderr: unknown = error.stderr;
  const text = stderr instanceof Uint8Array ? Buffer.from(stderr).toString('utf8') : '';
  const line = text.split('\n').find((candidate) => candidate.trim() !== '');
  return line?.trim().slice(0, 200) ?? messageOf(error);
}

/** cpio leaves out what it cannot read with exit status 0 in some versions, so what it wrote is read back. */
function compareWithPlan(archive: Buffer, entries: readonly StagedEntry[]): string | undefined {
  let listed: ReturnType<typeof listNewc>;
  try {
    listed = listNewc(archive);
  } catch (error) {
    return `it did not write a newc archive (${messageOf(error)})`;
  }
  if (listed.length !== entries.length) return `it wrote ${listed.length} of ${entries.length} entries`;
  for (const [index, { entry, bytes }] of entries.entries()) {
    const found = listed[index];
    const same =
      found !== undefined &&
      found.path === entry.path &&
      isDirectoryMode(found.mode) === (entry.kind === 'dir') &&
      (found.mode & 0o7777) === entry.mode &&
      archive.subarray(found.dataAt, found.dataAt + found.size).equals(bytes ?? Buffer.alloc(0));
    if (!same) return `its entry for ${entry.path} differs from what was staged`;
  }
  return undefined;
}
