import type { FileHandle } from 'node:fs/promises';
import { FLAT_HEADER_BYTES, FLAT_RECORD_BYTES, isFlattened, readFlatRecord } from '../dump/flattened.js';
import { bytesAt } from '../host/bytes-at.js';

const COPY_BYTES = 1024 * 1024;

/**
 * Writes the plain form of a flattened dump: puts its pieces in their places, none of them beyond `mostBytes`. Returns why
 * it is no whole dump, if it is none.
 */
export async function unflatten(
  source: FileHandle,
  target: FileHandle,
  mostBytes: number,
): Promise<{ readonly why?: string }> {
  const head = await bytesAt(source, 0, FLAT_HEADER_BYTES);
  if (!isFlattened(head)) return { why: 'nothing of a dump was written' };
  const room = Buffer.allocUnsafeSlow(COPY_BYTES);
  for (let at = FLAT_HEADER_BYTES; ; ) {
    const record = readFlatRecord(await bytesAt(source, at, FLAT_RECORD_BYTES), mostBytes);
    if (record.kind === 'end') return {};
    if (record.kind === 'damaged') return { why: 'it was not written to its end, or is damaged' };
    at += FLAT_RECORD_BYTES;
    for (let done = 0; done < record.bytes; ) {
      const wanted = Math.min(COPY_BYTES, record.bytes - done);
      const { bytesRead } = await source.read(room, 0, wanted, at);
      if (bytesRead === 0) return { why: 'it was not written to its end' };
      await target.write(room, 0, bytesRead, record.offset + done);
      done += bytesRead;
      at += bytesRead;
    }
  }
}
