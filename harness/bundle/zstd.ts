import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { execa } from 'execa';
import { errnoOf, messageOf } from '../model/errno.js';
import { foldLine } from '../model/escape.js';
import { type Fault, harnessFault } from '../model/fault.js';

/**
 * zstd's window, log2 of bytes, and so the memory that its decompressor needs. 128 MiB: an image repeats the kernel that
 * stands before it, and a decompressor accepts that much without being asked (zstd(1), --long).
 */
const WINDOW_LOG = 27;
/** A 50 MB bundle takes 4 s; higher levels save little of what is compressed already. */
const LEVEL = 9;
/** A bundle is sent to people: one that is larger is an error. */
const MOST_BYTES = 2 ** 31;

/** The first bytes of a frame (RFC 8878, 3.1.1). */
export const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Compresses a stream, the same bytes each time. Throws a harness fault when zstd is missing or fails. */
export async function compress(content: AsyncIterable<unknown>, signal?: AbortSignal): Promise<Buffer> {
  try {
    const { stdout } = await execa('zstd', ['-q', '-c', `-${LEVEL}`, `--long=${WINDOW_LOG}`, '-T1'], {
      input: Readable.from(content, { objectMode: false }),
      encoding: 'buffer',
      maxBuffer: MOST_BYTES,
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
    return Buffer.from(stdout.buffer, stdout.byteOffset, stdout.byteLength);
  } catch (error) {
    signal?.throwIfAborted();
    throw (
      zstdFault('pack', error) ??
      harnessFault(`cannot pack with "zstd": ${messageOf(error)}; try again`, error)
    );
  }
}

/** A decompressor that runs. */
export interface Decompressor extends AsyncDisposable {
  readonly output: Readable;
  /** Resolves when zstd has ended: undefined when the data was whole, else what zstd says. Throws a harness fault. */
  readonly ended: Promise<string | undefined>;
}

/** Decompresses a file from its beginning, as fast as it is read; memory is bounded. Disposing of it ends zstd. */
export function decompress(file: FileHandle): Decompressor {
  const zstd = execa('zstd', ['-q', '-dc', `--memory=${2 ** (WINDOW_LOG - 20)}MB`], {
    stdin: file.createReadStream({ start: 0, autoClose: false }),
    buffer: { stdout: false, stderr: true },
    maxBuffer: { stderr: 16 * 1024 },
    reject: false,
  });
  const ended = zstd.then((result) => {
    if (!result.failed) return undefined;
    const fault = zstdFault('read', result);
    if (fault !== undefined) throw fault;
    // zstd names its input: `/*stdin*\ : Read error (39) : premature end`.
    return foldLine(result.stderr.replaceAll('/*stdin*\\ : ', '')) || 'zstd cannot read it';
  });
  // Awaited by the reader when everything is read; before that its failure shows in the output.
  ended.catch(() => undefined);
  return {
    output: zstd.stdout,
    ended,
    async [Symbol.asyncDispose]() {
      zstd.kill('SIGKILL');
      await ended.catch(() => undefined);
    },
  };
}

function zstdFault(doing: string, error: unknown): Fault | undefined {
  const code = errnoOf(error) ?? errnoOf(error instanceof Error ? error.cause : undefined);
  return code === 'ENOENT'
    ? harnessFault(
        `cannot ${doing} a bundle with "zstd": it is not installed; run: apt-get install zstd`,
        error,
      )
    : undefined;
}
