import { link, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExecaError, execa } from 'execa';
import { type Extract, extract } from 'tar-stream';
import { errnoOf, reasonFor } from '../../model/errno.js';
import { failureOf } from '../tool.js';
import { keptPath } from './kept-path.js';

/** A kernel with its modules has 600 MB; with debug symbols ten times that. */
const BYTES_MAX = 8 * 1024 ** 3;
/** A distribution's kernel has 8,000 modules. */
const FILES_MAX = 200_000;
const UNPACK_DEADLINE_MS = 10 * 60_000;
/** A program whose output has ended, or that nobody reads, ends by itself. */
const ENDS_WITHIN_MS = 5_000;

const DAMAGED = 'it is cut off or damaged';

/** What makes a package unusable, in a few words; the caller names it. */
export class BadPackage extends Error {}

/** A program that writes a package's files to stdout as a tar archive. */
export type TarCommand = readonly [file: string, ...args: string[]];

type Entry = Extract extends AsyncIterable<infer Each> ? Each : never;

/**
 * Writes the files of a kernel out of a tar archive below `tree`, in the places of {@link keptPath}. A package is foreign:
 * only ordinary files are written, each once and to a new name, so that no link and no path leads out of the tree; their
 * number and size are bounded. Returns the places that were written. Throws {@link BadPackage}, an ExecaError with ENOENT
 * when there is no such program, errors of the disk, and the signal's reason.
 */
export async function unpackTar(
  [file, ...args]: TarCommand,
  tree: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  signal?.throwIfAborted();
  const program = execa(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    buffer: { stdout: false },
    // Names are bytes; bsdtar converts them where the locale has no UTF-8.
    env: { LC_ALL: 'C.UTF-8' },
    timeout: UNPACK_DEADLINE_MS,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  const ended = program.then(
    () => undefined,
    (error: unknown) => error,
  );
  const archive = extract();
  // Its failure shows in the archive, or in the program.
  const feeding = pipeline(program.stdout, archive).catch(() => undefined);
  const written: string[] = [];
  let failure: unknown;
  try {
    await writeEntries(archive, { tree, written });
  } catch (error) {
    failure = error;
    await Promise.race([ended, sleep(ENDS_WITHIN_MS, undefined, { ref: false })]);
    program.kill();
  }
  await feeding;
  const failed = await ended;
  signal?.throwIfAborted();
  // What was found in the archive, or on the disk, says more than the program that it ended.
  if (failure instanceof BadPackage || reasonFor(errnoOf(failure)) !== undefined) throw failure;
  if (failed !== undefined) {
    if (!(failed instanceof ExecaError) || errnoOf(failed) === 'ENOENT') throw failed;
    if (failed.timedOut || failed.exitCode !== undefined) {
      const { why } = failureOf(failed, file, { deadlineMs: UNPACK_DEADLINE_MS });
      // libarchive has no message for an .rpm whose payload is cut off (3.6.2).
      throw new BadPackage(why.includes('(null)') ? DAMAGED : `${DAMAGED} (${why})`);
    }
  }
  if (failed !== undefined || failure !== undefined) throw new BadPackage(DAMAGED);
  return written;
}

async function writeEntries(
  archive: Extract,
  { tree, written }: { readonly tree: string; readonly written: string[] },
): Promise<void> {
  let entries = 0;
  let bytes = 0;
  for await (const entry of archive) {
    entries += 1;
    bytes += entry.header.size;
    if (entries > FILES_MAX) throw new BadPackage(`it holds more than ${FILES_MAX} files`);
    if (bytes > BYTES_MAX) throw new BadPackage(`it unpacks to more than ${BYTES_MAX / 1024 ** 3} GiB`);
    const place = await writeEntry(entry, tree);
    if (place !== undefined) written.push(place);
  }
}

/** Where the entry was written; undefined for one that is not kept, which is read to its end. */
async function writeEntry(entry: Entry, tree: string): Promise<string | undefined> {
  // Kinds that tar-stream does not know have none: sparse files, for example.
  const kind: string | null = entry.header.type;
  const place = placeOf(entry.header.name);
  if (place === undefined || (kind !== 'file' && kind !== 'link')) {
    entry.resume();
    return undefined;
  }
  const path = join(tree, place);
  await mkdir(dirname(path), { recursive: true });
  try {
    if (kind === 'file') await writeBytes(entry, path);
    else await linkTo(entry, { tree, path });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new BadPackage(`${place} is there twice`);
    throw error;
  }
  return place;
}

async function writeBytes(entry: Entry, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    for await (const chunk of entry) {
      if (!(chunk instanceof Uint8Array)) throw new Error('an entry gave no bytes');
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
}

/** A second name of a file that was written before. */
async function linkTo(entry: Entry, { tree, path }: { tree: string; path: string }): Promise<void> {
  entry.resume();
  // tar-stream gives null for an empty one.
  const linkname: string | null = entry.header.linkname;
  const other = placeOf(linkname ?? '');
  const missing = new BadPackage('it holds a link to a file that it does not hold');
  if (other === undefined) throw missing;
  await link(join(tree, other), path).catch((error: unknown) => {
    throw errnoOf(error) === 'ENOENT' ? missing : error;
  });
}

function placeOf(name: string): string | undefined {
  try {
    return keptPath(name);
  } catch (error) {
    throw new BadPackage(error instanceof Error ? error.message : 'it is damaged');
  }
}
