import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { harnessFault } from '../../model/fault.js';
import { runTool } from '../tool.js';
import { CHUNK_BYTES, type XzPart, xzStream } from './xz-stream.js';

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

/**
 * The kernel of an XZ payload, whose last 4 bytes are that kernel's length. Throws a harness Fault when it is damaged, or
 * xz is missing.
 */
export async function unpackPayload(payload: Buffer, options: PayloadOptions): Promise<Buffer> {
  const length = payload.readUInt32LE(payload.length - 4);
  if (length > KERNEL_MAX_BYTES) throw damaged(`its kernel would have ${length} bytes`);
  const file = join(options.directory, 'kernel');
  await writeFile(`${file}.xz`, payload.subarray(0, -4));
  await runXz(['--decompress', '--keep', '--force', `${file}.xz`], options);
  const kernel = await readFile(file);
  if (kernel.length === length) return kernel;
  throw damaged(`its kernel has ${kernel.length} bytes, and should have ${length}`);
}

/** The largest kernel in a payload seen has 66 MB. */
const KERNEL_MAX_BYTES = 1024 * 1024 * 1024;

/**
 * An XZ payload that holds the same kernel and takes little time to decompress: what compresses to less than a quarter
 * stays compressed. It has a CRC-32, as kernels' own payloads have.
 */
export async function packPayload(kernel: Buffer, options: PayloadOptions): Promise<Buffer> {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(kernel.length);
  return Buffer.concat([xzStream(await xzParts(kernel, options)), length]);
}

/** Blocks that compress by this factor are left compressed: the image grows to three times its size, not to eight. */
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
async function runXz(args: readonly string[], { signal }: PayloadOptions): Promise<void> {
  const result = await runTool(['xz', '--threads=1', '--quiet', ...args], { deadlineMs: 120_000, signal });
  if (result.ok) return;
  const remedy = result.missing ? 'apt-get install xz-utils' : 'check the kernel image';
  throw harnessFault(`cannot repack a kernel with "xz": ${result.why}; ${remedy}, or leave out --repack`);
}

function damaged(why: string) {
  return harnessFault(
    `cannot unpack the kernel's "xz" payload: ${why}; check the kernel image, or leave out --repack`,
  );
}
