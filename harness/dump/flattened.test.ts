import t from 'tap';
import { FLAT_RECORD_BYTES, isFlattened, readFlatRecord } from './flattened.js';

function start(offset: bigint, bytes: bigint): Buffer {
  const record = Buffer.alloc(FLAT_RECORD_BYTES);
  record.writeBigInt64BE(offset, 0);
  record.writeBigInt64BE(bytes, 8);
  return record;
}

void t.test('a flattened dump is known by its first bytes', async (t) => {
  t.ok(isFlattened(Buffer.from('makedumpfile\0\0\0\0')));
  t.notOk(isFlattened(Buffer.from('makedumpfiles\0\0\0')));
  t.notOk(isFlattened(Buffer.from('KDUMP   ')));
});

void t.test(
  'records: bytes with their place, the end mark, and what makedumpfile does not write',
  async (t) => {
    t.strictSame(readFlatRecord(start(4096n, 16n), 4112), { kind: 'bytes', offset: 4096, bytes: 16 });
    t.strictSame(readFlatRecord(start(-1n, -1n), 10), { kind: 'end' });
    for (const damaged of [
      start(4096n, 17n),
      start(-1n, 4n),
      start(0n, 0n),
      start(0n, -1n),
      start(1n << 62n, 1n << 62n),
      Buffer.alloc(FLAT_RECORD_BYTES - 1),
    ]) {
      t.strictSame(readFlatRecord(damaged, 4112), { kind: 'damaged' });
    }
  },
);
