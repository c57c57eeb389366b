import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { fileKind, isGzip } from '../../console-log/file-kind.js';
import { errnoOf, messageOf, reasonFor } from '../../model/errno.js';
import { escapeHostText } from '../../model/escape.js';
import { type Fault, usageFault } from '../../model/fault.js';
import { STDIN } from '../words/read.js';

/** Bytes that are read of one log, after decompression: nobody's console printed more, and a device has no end. */
const MOST_BYTES = 4 * 1024 ** 3;
const CHUNK_BYTES = 256 * 1024;

/** What was noticed on the way and is no fault. */
export interface LogNotes {
  readonly onNote: (note: string) => void;
}

/**
 * The bytes of a log, decompressed when it is a gzip file. Throws usage faults, also while it is read: no
 * such file, a directory, a device, a format that is no text, empty, more than 4 GiB.
 */
export async function* openLog(name: string, { onNote }: LogNotes): AsyncGenerator<Buffer> {
  const source = name === STDIN ? process.stdin : await openFile(name);
  const chunks = bytesOf(source, name);
  const first = await chunks.next();
  if (first.done === true) throw logFault(name, 'it is empty', 'give a log with lines in it');
  const start = first.value;
  const kind = fileKind(start);
  if (kind !== undefined) throw logFault(name, kind.what, kind.remedy.replace('LOG', remedyName(name)));
  const whole = startingWith(start, chunks);
  yield* limited(isGzip(start) ? gunzipped(whole, name, onNote) : whole, name);
}

async function openFile(name: string): Promise<Readable> {
  try {
    const found = await stat(name);
    if (found.isDirectory())
      throw logFault(name, 'it is a directory', 'name the logs in it, such as console.bin of a run');
    if (found.isCharacterDevice() || found.isBlockDevice() || found.isSocket())
      throw logFault(
        name,
        'it is a device or a socket',
        'copy its output to a file, or pipe it to crashpath read -',
      );
  } catch (error) {
    throw errnoOf(error) === undefined ? error : readFault(name, error);
  }
  return createReadStream(name, { highWaterMark: CHUNK_BYTES });
}

async function* bytesOf(source: Readable, name: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of source) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      if (bytes.length > 0) yield bytes;
    }
  } catch (error) {
    throw readFault(name, error);
  }
}

async function* startingWith(start: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield start;
  yield* rest;
}

/** A cut or damaged file is read as far as it goes: logs are cut off as machines are. */
async function* gunzipped(
  compressed: AsyncGenerator<Buffer>,
  name: string,
  onNote: (note: string) => void,
): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // Both ends report: the source's fault is thrown by the reading end.
  const { pipeline } = await import('node:stream/promises');
  let sourceFault: unknown;
  const feeding = pipeline(compressed, gunzip).catch((error: unknown) => {
    sourceFault = error;
  });
  let count = 0;
  try {
    for await (const chunk of gunzip) {
      if (!Buffer.isBuffer(chunk)) continue;
      count += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (count === 0) throw logFault(name, `its gzip data is damaged (${messageOf(error)})`, 'copy it again');
    onNote(`${escapeHostText(name)}: its gzip data ends early or is damaged; it is read as far as it goes`);
  }
  await feeding;
  if (sourceFault !== undefined && count === 0)
    throw logFault(name, `its gzip data is damaged (${messageOf(sourceFault)})`, 'copy it again');
}

async function* limited(chunks: AsyncGenerator<Buffer>, name: string): AsyncGenerator<Buffer> {
  let count = 0;
  for await (const chunk of chunks) {
    count += chunk.length;
    if (count > MOST_BYTES)
      throw logFault(
        name,
        'it has more than 4 GiB',
        'cut the part out that is of interest, with split or tail -c',
      );
    yield chunk;
  }
}

function readFault(name: string, error: unknown): Fault {
  return logFault(
    name,
    reasonFor(errnoOf(error)) ?? messageOf(error),
    'check its name and its rights',
    error,
  );
}

/** `cannot read "NAME": why; remedy`. */
export function logFault(name: string, why: string, remedy: string, cause?: unknown): Fault {
  return usageFault(`cannot read "${name === STDIN ? '-' : escapeHostText(name)}": ${why}; ${remedy}`, cause);
}

function remedyName(name: string): string {
  return name === STDIN ? 'FILE' : escapeHostText(name);
}
