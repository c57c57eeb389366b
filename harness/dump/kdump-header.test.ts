import t from 'tap';
import { endOfPages, pagesIn, readKdumpHeader, vmcoreinfoPatches } from './kdump-header.js';

/** The headers of a dump of 64 pages, as QEMU 7.2 writes them. */
function headers(change: (head: Buffer) => void = () => undefined): Buffer {
  const head = Buffer.alloc(8192);
  head.write('KDUMP   ', 0, 'latin1');
  head.writeInt32LE(6, 8);
  head.write('x86_64\0', 12 + 4 * 65, 'latin1');
  head.writeInt32LE(4096, 428);
  head.writeInt32LE(1, 432);
  head.writeUInt32LE(2, 436);
  head.writeInt32LE(31, 4096 + 8);
  head.writeBigUInt64LE(64n, 4096 + 96);
  change(head);
  return head;
}

void t.test('the headers of a dump', async (t) => {
  t.strictSame(readKdumpHeader(headers()), {
    version: 6,
    pages: 64,
    level: 31,
    bitmap: { offset: 12_288, bytes: 4096 },
    descriptors: 16_384,
  });
});

void t.test('what is no dump of a 64-bit kernel says why', async (t) => {
  const why = (head: Buffer) => {
    const read = readKdumpHeader(head);
    return 'why' in read ? read.why : undefined;
  };
  t.equal(why(headers().subarray(0, 8191)), 'it is shorter than its headers');
  t.equal(why(headers((head) => head.write('DISKDUMP', 0))), 'it has no signature of kdump');
  t.equal(why(headers((head) => head.writeInt32LE(7, 8))), 'its header has version 7');
  t.equal(why(headers((head) => head.write('i686\0', 12 + 4 * 65))), 'it is of no 64-bit x86 kernel');
  t.equal(why(headers((head) => head.writeInt32LE(8192, 428))), 'its blocks are not of 4 KiB');
  for (const change of [
    (head: Buffer) => head.writeUInt32LE(3, 436),
    (head: Buffer) => head.writeUInt32LE(0xffff_fffe, 436),
    (head: Buffer) => head.writeInt32LE(-1, 432),
    (head: Buffer) => head.writeBigUInt64LE(32_769n, 4096 + 96),
    (head: Buffer) => head.writeBigUInt64LE(1n << 63n, 4096 + 96),
  ])
    t.equal(why(headers(change)), 'its headers contradict each other');
  t.notOk('why' in readKdumpHeader(headers((head) => head.writeBigUInt64LE(32_768n, 4096 + 96))));
});

void t.test('VMCOREINFO is added behind the end, with phys_base', async (t) => {
  const info = Buffer.from('OSRELEASE=6.1\nNUMBER(phys_base)=-4194304\n');
  const head = headers();
  for (const { offset, bytes } of vmcoreinfoPatches(info, 20_001))
    if (offset < head.length) bytes.copy(head, offset);
  const read = readKdumpHeader(head);
  t.strictSame('why' in read ? read : read.info, { offset: 20_008, bytes: info.length });
  t.equal(head.readBigInt64LE(4096), -4_194_304n);
  t.strictSame(vmcoreinfoPatches(info, 20_001)[0], { offset: 20_008, bytes: info });
});

void t.test('pages of a bitmap, and where the last one ends', async (t) => {
  t.equal(pagesIn(Buffer.from([0xff, 0x01, 0, 0x80])), 10);
  const table = Buffer.alloc(48);
  table.writeBigUInt64LE(50_000n, 0);
  table.writeUInt32LE(4096, 8);
  table.writeBigUInt64LE(40_000n, 24);
  table.writeUInt32LE(4096, 32);
  t.equal(endOfPages(table), 54_096n);
});
