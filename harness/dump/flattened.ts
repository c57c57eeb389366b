/**
 * makedumpfile's flattened form of a dump, which needs no seeking: a header of 4 KiB, then records, each of which says
 * where in the dump its bytes belong, then an end mark (makedumpfile 1.7.2, IMPLEMENTATION; QEMU 7.2, dump/dump.c,
 * write_start_flat_header()). All numbers are big endian.
 */

/** Bytes of the header. */
export const FLAT_HEADER_BYTES = 4096;
/** Bytes before the bytes of each record. */
export const FLAT_RECORD_BYTES = 16;

const SIGNATURE = 'makedumpfile';
const END_MARK = -1n;

/** Whether a file that begins so is in the flattened form. */
export function isFlattened(head: Buffer): boolean {
  return head.subarray(0, SIGNATURE.length + 1).equals(Buffer.from(`${SIGNATURE}\0`, 'latin1'));
}

/** What follows in the file: bytes for a place of the dump, the end of the dump, or nothing that makedumpfile writes. */
export type FlatRecord =
  | { readonly kind: 'bytes'; readonly offset: number; readonly bytes: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'damaged' };

/** Reads the start of a record. One that would reach beyond `mostBytes` of the dump is damaged. */
export function readFlatRecord(start: Buffer, mostBytes: number): FlatRecord {
  if (start.length < FLAT_RECORD_BYTES) return { kind: 'damaged' };
  const offset = start.readBigInt64BE(0);
  const bytes = start.readBigInt64BE(8);
  if (offset === END_MARK && bytes === END_MARK) return { kind: 'end' };
  if (offset < 0n || bytes <= 0n || offset + bytes > BigInt(mostBytes)) return { kind: 'damaged' };
  return { kind: 'bytes', offset: Number(offset), bytes: Number(bytes) };
}
