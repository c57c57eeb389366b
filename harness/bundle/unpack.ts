import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Extract, extract, type Header } from 'tar-stream';
import { escapeHostText } from '../model/escape.js';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { Fault, harnessFault, usageFault } from '../model/fault.js';
import {
  BUNDLE_SCHEMA,
  type BundleManifest,
  BundleManifestSchema,
  isMemberName,
  MANIFEST,
  MEMBERS,
  type MemberName,
  RUN_MEMBERS,
} from './form.js';
import { decompress, ZSTD_MAGIC } from './zstd.js';

/** Headers, padding and the end of an archive. */
const OVERHEAD_BYTES = 1024 * 1024;

/** What makes a file no bundle; the caller names the file. */
export class BadBundle extends Error {}

/**
 * Unpacks a bundle into an empty directory and checks every member against the manifest. Members have the names of the
 * form and no others, are ordinary files, come once and have bounded sizes; nothing else is written. Throws a usage fault
 * for a file that is no intact bundle, a harness fault when the host fails.
 */
export async function unpackBundle(
  path: string,
  directory: string,
  signal?: AbortSignal,
): Promise<BundleManifest> {
  return naming(path, async () => {
    const file = await openBundle(path);
    try {
      const found = await unpackMembers(file, directory, signal);
      return await checkMembers(found, directory);
    } finally {
      await file.close();
    }
  });
}

/** Runs work on a bundle; what is wrong with the bundle becomes a usage fault that names its file. */
export async function naming<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BadBundle)) throw error;
    throw usageFault(
      `cannot read bundle "${path}": ${escapeHostText(error.message)}; ask its sender for it again`,
      error,
    );
  }
}

async function openBundle(path: string): Promise<FileHandle> {
  const refuse = (why: string, cause?: unknown) =>
    usageFault(`cannot read bundle "${path}": ${why}; name a file that crashpath bundle has made`, cause);
  let file: FileHandle;
  try {
    // The open of a pipe waits for its other end otherwise.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw refuse(reasonFor(errnoOf(error)) ?? messageOf(error), error);
  }
  try {
    if (!(await file.stat()).isFile()) throw refuse('it is not a file');
    const head = Buffer.alloc(ZSTD_MAGIC.length);
    await file.read(head, 0, head.length, 0);
    if (!head.equals(ZSTD_MAGIC)) throw refuse('it is not compressed with zstd, as every bundle is');
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

type Found = ReadonlyMap<MemberName, { readonly size: number; readonly sha256: string }>;

async function unpackMembers(
  file: FileHandle,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<Found> {
  await using zstd = decompress(file);
  const found = new Map<MemberName, { size: number; sha256: string }>();
  let allowed = OVERHEAD_BYTES;
  const archive = extract();
  const fed = pipeline(
    zstd.output,
    bounded(() => allowed),
    archive,
    { signal },
  );
  // Its failure shows in the archive; the first one is thrown.
  const feeding = fed.then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    for await (const entry of archive) {
      const name = memberOf(entry.header, found);
      allowed += entry.header.size;
      found.set(name, await writeMember(entry, join(directory, name)));
      if (name === MANIFEST) await mkdir(join(directory, 'run'));
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isOfItsOwn(error)) throw error;
    // What ended the stream is behind an archive that ended early; an error of the disk is of this loop.
    const fault =
      reasonFor(errnoOf(error)) === undefined
        ? await Promise.race([feeding, Promise.resolve(undefined)])
        : error;
    throw isOfItsOwn(fault) ? fault : await brokenBy(fault ?? error, { directory, ended: zstd.ended });
  }
  const failure = await feeding;
  signal?.throwIfAborted();
  if (failure !== undefined) {
    throw isOfItsOwn(failure) ? failure : await brokenBy(failure, { directory, ended: zstd.ended });
  }
  const said = await zstd.ended;
  if (said !== undefined) throw new BadBundle(`it is cut off or damaged: ${said}`);
  return found;
}

/** An error that says all that there is to say. */
function isOfItsOwn(error: unknown): error is Error {
  return error instanceof BadBundle || error instanceof Fault;
}

/** The disk, zstd, or the archive itself. */
async function brokenBy(
  error: unknown,
  { directory, ended }: { directory: string; ended: Promise<string | undefined> },
): Promise<Error> {
  const reason = reasonFor(errnoOf(error));
  if (reason !== undefined) {
    return harnessFault(
      `cannot unpack a bundle into "${directory}": ${reason}; make room or set CRASHPATH_CACHE`,
      error,
    );
  }
  // A zstd that could not be started throws; one that still runs is ended by the caller.
  const said = await Promise.race([ended, sleep(1_000, undefined, { ref: false })]);
  return new BadBundle(`it is cut off or damaged: ${said ?? messageOf(error)}`);
}

/** Ends a stream that has more bytes than the members that were announced so far. */
function bounded(allowed: () => number): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length;
      if (passed > allowed() + 2 * chunk.length)
        done(new BadBundle(`it has more than ${passed - chunk.length} bytes that belong to no member`));
      else done(null, chunk);
    },
  });
}

/** The member that an entry is. Throws for everything that a bundle does not have. */
function memberOf(header: Header, found: Found): MemberName {
  const { name, linkname, pax, size } = header;
  // Kinds that tar-stream does not know have none: sparse files, for example.
  const kind: string | null = header.type;
  const shown = name.slice(0, 80);
  if (kind !== 'file' || Boolean(linkname))
    throw new BadBundle(`its member "${shown}" is no plain file but a ${kind ?? 'file of an unknown kind'}`);
  if (pax !== undefined && pax !== null) throw new BadBundle(`its member "${shown}" has extended attributes`);
  if (!isMemberName(name)) throw new BadBundle(`"${shown}" is no member of a bundle`);
  if (found.size === 0 && name !== MANIFEST)
    throw new BadBundle(`it begins with ${name}, not with ${MANIFEST}`);
  if (found.has(name)) throw new BadBundle(`its member ${name} is there twice`);
  if (size > MEMBERS[name])
    throw new BadBundle(`its member ${name} has ${size} bytes, more than ${MEMBERS[name]}`);
  return name;
}

type Entry = Extract extends AsyncIterable<infer Each> ? Each : never;

async function writeMember(entry: Entry, path: string): Promise<{ size: number; sha256: string }> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of entry) {
      if (!(chunk instanceof Uint8Array)) throw new Error('an entry gave no bytes');
      hash.update(chunk);
      size += chunk.length;
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return { size, sha256: hash.digest('hex') };
}

async function checkMembers(found: Found, directory: string): Promise<BundleManifest> {
  if (!found.has(MANIFEST)) throw new BadBundle('it is empty');
  const manifest = readManifest(await readFile(join(directory, MANIFEST), 'utf8'));
  const listed = new Set<string>([MANIFEST]);
  for (const { name, size, sha256 } of manifest.members) {
    if (listed.has(name)) throw new BadBundle(`its manifest has ${name} twice`);
    listed.add(name);
    const there = isMemberName(name) ? found.get(name) : undefined;
    if (there === undefined) throw new BadBundle(`its member ${name} is missing`);
    if (there.size !== size || there.sha256 !== sha256)
      throw new BadBundle(`its member ${name} is not the one of its manifest`);
  }
  const unlisted = [...found.keys()].find((name) => !listed.has(name));
  if (unlisted !== undefined) throw new BadBundle(`its manifest does not have ${unlisted}`);
  const lost = RUN_MEMBERS.find((name) => !listed.has(name));
  if (lost !== undefined) throw new BadBundle(`it has no ${lost}`);
  return manifest;
}

function readManifest(text: string): BundleManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BadBundle(`its ${MANIFEST} is not JSON: ${messageOf(error)}`);
  }
  if (typeof value === 'object' && value !== null && 'schema' in value && value.schema !== BUNDLE_SCHEMA) {
    throw new BadBundle(
      `its ${MANIFEST} has schema ${JSON.stringify(value.schema).slice(0, 40)}, this crashpath reads ${BUNDLE_SCHEMA}`,
    );
  }
  const parsed = BundleManifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new BadBundle(
    `its ${MANIFEST} is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? '?'}`,
  );
}
