import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { harnessFault } from '../../model/fault.js';
import { runTool } from '../tool.js';
import { CHUNK_BYTES, type XzPart, xzStream } from './xz-stream.js';

/** Compressions of a kernel's payload that can be made cheap to undo. */
export const PAYLOAD_FORMATS = ['xz', 'zstd', 'gzip'] as const;
export type PayloadFormat = (typeof PAYLOAD_FORMATS)[number];

const MAGICS: readonly (readonly [hex: string, format: string])[] = [
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'zstd'],
  ['1f8b08', 'gzip'],
  ['02214c18', 'lz4'],
  ['894c5a4f', 'lzo'],
  ['425a68', 'bzip2'],
  ['5d0000', 'lzma'],
];

/** The compression of a payload, by its first bytes; undefined for an unknown one. */
export function formatOf(payload: Buffer): string | undefined {
  return MAGICS.find(([hex]) => payload.subarray(0, hex.length / 2).toString('hex') === hex)?.[1];
}

/** Where the work is done. */
export interface PayloadOptions {
  /** An empty directory for files of the programs. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

/** The kernel of a payload, whose last 4 bytes are that kernel's length. Throws a harness Fault when it is damaged. */
export async function unpackPayload(
  payload: Buffer,
  format: PayloadFormat,
  options: PayloadOptions,
): Promise<Buffer> {
  const length = payload.readUInt32LE(payload.length - 4);
  if (length > KERNEL_MAX_BYTES) throw damaged(format, `its kernel would have ${length} bytes`);
  const kernel = await unpacked(payload, format, { ...options, length });
  if (kernel.length === length) return kernel;
  throw damaged(format, `its kernel has ${kernel.length} bytes, and should have ${length}`);
}

/** The largest kernel in a payload seen has 66 MB. */
const KERNEL_MAX_BYTES = 1024 * 1024 * 1024;

async function unpacked(
  payload: Buffer,
  format: PayloadFormat,
  { length, ...options }: PayloadOptions & { readonly length: number },
): Promise<Buffer> {
  if (format === 'gzip') {
    try {
      return gunzipSync(payload, { maxOutputLength: length });
    } catch (error) {
      throw damaged(format, error instanceof Error ? error.message : 'unknown error');
    }
  }
  const file = join(options.directory, 'kernel');
  await writeFile(`${file}.${format}`, payload.subarray(0, -4));
  if (format === 'xz') await runXz(['--decompress', '--keep', '--force', `${file}.xz`], options);
  else await run(['zstd', '--decompress', '--quiet', '--force', '-o', file, `${file}.zstd`], options);
  return readFile(file);
}

/**
 * A payload of the same compression that holds the same kernel and takes little time to decompress: of xz, what
 * compresses to less than a quarter stays compressed; zstd and gzip at their fastest level. Checksums stay.
 */
export async function packPayload(
  kernel: Buffer,
  format: PayloadFormat,
  options: PayloadOptions,
): Promise<Buffer> {
  if (format === 'gzip') return gzipSync(kernel, { level: GZIP_LEVEL });
  const length = Buffer.alloc(4);
  length.writeUInt32LE(kernel.length);
  if (format === 'xz') return Buffer.concat([xzStream(await xzParts(kernel, options)), length]);
  const file = join(options.directory, 'packed');
  await writeFile(file, kernel);
  await run(['zstd', ...ZSTD_LEVEL, '--quiet', '--force', '--check', '-o', `${file}.zst`, file], options);
  return Buffer.concat([await readFile(`${file}.zst`), length]);
}

const GZIP_LEVEL = 0;
const ZSTD_LEVEL = ['--fast=5'];
/** Blocks that compress by this factor are cheaper to decompress than to copy and to sum (measured, docs/performance.md). */
const WORTH_COMPRESSING = 4;

/** Neighbouring blocks of a kind are one part. */
async function xzParts(kernel: Buffer, options: PayloadOptions): Promise<XzPart[]> {
  const parts: XzPart[] = [];
  let from = 0;
  let kind: boolean | undefined;
  const close = async (to: number) => {
    if (kind === undefined) return;
    const data = kernel.subarray(from, to);
    parts.push(kind ? { data, lzma2: await lzma2(data, options) } : { data });
  };
  for (let at = 0; at < kernel.length; at += CHUNK_BYTES) {
    const block = kernel.subarray(at, at + CHUNK_BYTES);
    const next = deflateSync(block, { level: 1 }).length * WORTH_COMPRESSING <= block.length;
    if (next === kind) continue;
    await close(at);
    [from, kind] = [at, next];
  }
  await close(kernel.length);
  return parts;
}

async function lzma2(data: Buffer, options: PayloadOptions): Promise<Buffer> {
  const file = join(options.directory, 'part');
  await writeFile(file, data);
  await runXz(
    ['--format=raw', '--lzma2=preset=6,dict=1MiB', '--suffix=.raw', '--keep', '--force', file],
    options,
  );
  return readFile(`${file}.raw`);
}

/** `xz` with one thread: with more it makes streams of several blocks. */
async function runXz(args: readonly string[], options: PayloadOptions): Promise<void> {
  await run(['xz', '--threads=1', '--quiet', ...args], options);
}

async function run(command: readonly [string, ...string[]], { signal }: PayloadOptions): Promise<void> {
  const result = await runTool(command, { deadlineMs: 120_000, signal });
  if (result.ok) return;
  const [program] = command;
  const remedy = result.missing
    ? `apt-get install ${program === 'xz' ? 'xz-utils' : program}`
    : 'check the kernel image';
  throw harnessFault(
    `cannot repack a kernel with "${program}": ${result.why}; ${remedy}, or leave out --repack`,
  );
}

function damaged(format: string, why: string) {
  return harnessFault(
    `cannot unpack the kernel's "${format}" payload: ${why}; check the kernel image, or leave out --repack`,
  );
}
