import type { FileHandle } from 'node:fs/promises';
import { harnessFault } from '../../model/fault.js';

const HEADER_BYTES = 4096;
const RECORD_BYTES = 16;
const PIECE_BYTES = 1024 * 1024;

/**
 * Writes the plain form of a flattened dump: records of offset, size and data, big endian, until one with offset -1
 * (makedumpfile.h, struct makedumpfile_data_header, 1.7.2; QEMU 7.2, dump/dump.c, write_buffer()). Throws a harness fault
 * when it is truncated.
 */
export async function unflatten(flat: FileHandle, plain: FileHandle): Promise<void> {
  const piece = Buffer.alloc(PIECE_BYTES);
  const exactly = async (position: number, length: number): Promise<Buffer> => {
    const { bytesRead } = await flat.read(piece, 0, length, position);
    if (bytesRead < length)
      throw harnessFault('cannot read the dump that QEMU wrote: it is truncated; make room');
    return piece.subarray(0, length);
  };
  for (let at = HEADER_BYTES; ; ) {
    const head = await exactly(at, RECORD_BYTES);
    const offset = Number(head.readBigInt64BE(0));
    const size = Number(head.readBigInt64BE(8));
    if (offset < 0) return;
    at += RECORD_BYTES;
    for (let done = 0; done < size; ) {
      const part = await exactly(at, Math.min(PIECE_BYTES, size - done));
      await plain.write(part, 0, part.length, offset + done);
      done += part.length;
      at += part.length;
    }
  }
}
