/** Writes the headers of a dump of 64 pages, as QEMU 7.2 does, into the first 8192 bytes. */
export function writeKdumpHeaders(bytes: Buffer): void {
  bytes.write('KDUMP   ', 0, 'latin1');
  bytes.writeInt32LE(6, 8);
  bytes.write('x86_64\0', 12 + 4 * 65, 'latin1');
  bytes.writeInt32LE(4096, 428);
  bytes.writeInt32LE(1, 432);
  bytes.writeUInt32LE(2, 436);
  bytes.writeInt32LE(31, 4096 + 8);
  bytes.writeBigUInt64LE(64n, 4096 + 96);
}

/** A dump of 64 pages, of which two are in it. */
export function dump({
  nodename = '',
  release = '',
}: {
  readonly nodename?: string;
  readonly release?: string;
} = {}): Buffer {
  const bytes = Buffer.alloc(16_384 + 2 * 24 + 100);
  writeKdumpHeaders(bytes);
  bytes.write(nodename, 12 + 65, 'latin1');
  bytes.write(release, 12 + 2 * 65, 'latin1');
  bytes.writeUInt8(0b101, 12_288);
  for (const [index, size] of [60, 40].entries()) {
    const at = 16_384 + index * 24;
    bytes.writeBigUInt64LE(BigInt(16_432 + index * 60), at);
    bytes.writeUInt32LE(size, at + 8);
  }
  return bytes;
}

/** A dump in makedumpfile's flattened form; without its end mark it is cut off. */
export function flattened(pieces: readonly (readonly [offset: number, bytes: Buffer])[], end = true): Buffer {
  const head = Buffer.alloc(4096);
  head.write('makedumpfile\0', 0, 'latin1');
  const record = (offset: bigint, bytes: bigint) => {
    const start = Buffer.alloc(16);
    start.writeBigInt64BE(offset, 0);
    start.writeBigInt64BE(bytes, 8);
    return start;
  };
  const written = pieces.flatMap(([offset, bytes]) => [record(BigInt(offset), BigInt(bytes.length)), bytes]);
  return Buffer.concat([head, ...written, ...(end ? [record(-1n, -1n)] : [])]);
}
