import { crc32 } from 'node:zlib';

/**
 * An .xz stream of one block whose LZMA2 chunks are stored, not compressed, wherever compression saves little (the .xz
 * file format 1.0.4; LZMA2's chunks: lib/xz/xz_dec_lzma2.c, v6.1). A kernel's decompressor copies a stored chunk, where
 * it computes every bit of a compressed one.
 */

/** A stored chunk holds at most 64 KiB. */
export const CHUNK_BYTES = 64 * 1024;
/** Dictionary of the header, 64 MiB: kernels decode in one call and use their output as the dictionary. */
const DICTIONARY = 28;
const CHECK_CRC32 = 1;
const LZMA2_FILTER = 0x21;
const STORED_RESETS_DICTIONARY = 1;
const STORED = 2;

/** A part of the data: stored as it is, or with its own raw LZMA2 stream, as `xz --format=raw --lzma2` makes it. */
export interface XzPart {
  readonly data: Buffer;
  readonly lzma2?: Buffer | undefined;
}

/** The stream of all parts, in their order, with a CRC-32 of the data. */
export function xzStream(parts: readonly XzPart[]): Buffer {
  const chunks = parts.flatMap(({ data, lzma2 }) =>
    lzma2 === undefined ? storedChunks(data) : [lzma2.subarray(0, -1)],
  );
  const body = Buffer.concat([...chunks, Buffer.from([0])]);
  const size = parts.reduce((sum, { data }) => sum + data.length, 0);
  const check = parts.reduce((sum, { data }) => crc32(data, sum), 0);
  const flags = Buffer.from([0, CHECK_CRC32]);
  const header = blockHeader();
  const padding = Buffer.alloc(-body.length & 3);
  const index = withCrc(
    padded(
      Buffer.concat([Buffer.from([0]), number(1), number(header.length + body.length + 4), number(size)]),
    ),
  );
  const footer = Buffer.concat([le32(index.length / 4 - 1), flags]);
  return Buffer.concat([
    Buffer.from('\xfd7zXZ\0', 'latin1'),
    withCrc(flags),
    ...[header, body, padding, le32(check), index, le32(crc32(footer)), footer, Buffer.from('YZ')],
  ]);
}

/** A first chunk resets the dictionary, so that no part depends on another. */
function storedChunks(data: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < data.length; at += CHUNK_BYTES) {
    const chunk = data.subarray(at, at + CHUNK_BYTES);
    const head = Buffer.from([at === 0 ? STORED_RESETS_DICTIONARY : STORED, 0, 0]);
    head.writeUInt16BE(chunk.length - 1, 1);
    chunks.push(head, chunk);
  }
  return chunks;
}

/** One filter, no sizes: 8 bytes and their CRC. */
function blockHeader(): Buffer {
  return withCrc(Buffer.from([2, 0, LZMA2_FILTER, 1, DICTIONARY, 0, 0, 0]));
}

function withCrc(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, le32(crc32(bytes))]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function le32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** Seven bits a byte, the lowest first. */
function number(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return Buffer.from([...bytes, left]);
}
