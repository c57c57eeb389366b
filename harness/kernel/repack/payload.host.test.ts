/** Packs and unpacks with the xz of this host. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import t from 'tap';
import { Fault } from '../../model/fault.js';
import { formatOf, packPayload, unpackPayload } from './payload.js';

/** Like a kernel: code, which compresses to a half, and zeros, in no whole number of blocks. */
function kernel(): Buffer {
  const code = readFileSync(process.execPath).subarray(0, 3_000_001);
  return Buffer.concat([code, Buffer.alloc(5_000_000), code.subarray(0, 70_000)]);
}

void t.test('the same kernel comes out', async (t) => {
  const directory = t.testdir();
  const bytes = kernel();
  const payload = await packPayload(bytes, { directory });
  t.equal(formatOf(payload), 'xz');
  t.equal(payload.readUInt32LE(payload.length - 4), bytes.length);
  t.ok((await unpackPayload(payload, { directory })).equals(bytes));
  const damaged = Buffer.from(payload);
  damaged.writeUInt8(damaged.readUInt8(1_000_000) ^ 1, 1_000_000);
  await t.rejects(unpackPayload(damaged, { directory }), Fault, 'its checksum is there');
  const other = Buffer.from(payload);
  other.writeUInt32LE(bytes.length + 1, other.length - 4);
  await t.rejects(unpackPayload(other, { directory }), Fault);
});

void t.test('one stream with a CRC-32, stored where it pays', async (t) => {
  const directory = t.testdir();
  const payload = await packPayload(kernel(), { directory });
  await writeFile(join(directory, 'whole.xz'), payload.subarray(0, -4));
  const { stdout } = await execa('xz', ['--robot', '--list', join(directory, 'whole.xz')]);
  const [, , file = ''] = stdout.split('\n');
  t.match(file, /^totals|^file\t1\t1\t.*\tCRC32\t/);
  t.ok(payload.length > 3_000_000, 'code is stored');
  t.ok(payload.length < 3_200_000, 'zeros are not');
});

void t.test('other forms are named', async (t) => {
  t.equal(formatOf(gzipSync('x')), 'gzip');
  t.equal(formatOf(Buffer.from('02214c18', 'hex')), 'lz4');
  t.equal(formatOf(Buffer.from('\x7fELF')), undefined);
});
