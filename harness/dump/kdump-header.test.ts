import t from 'tap';
import { writeKdumpHeaders } from '../testing/builders/kdumps.js';
import { vmcoreinfoIn } from './notes.js';
import {
  endOfPages,
  isUtsname,
  pagesIn,
  readKdumpHeader,
  utsnameAt,
  vmcoreinfoPatches,
} from './kdump-header.js';

/** A struct new_utsname, or the beginning of one. */
function utsnameOf(...words: string[]): Buffer {
  return Buffer.concat(words.map((word) => Buffer.concat([Buffer.from(word)], 65)));
}

/** The headers of a dump of 64 pages, as QEMU 7.2 writes them. */
function headers(change: (head: Buffer) => void = () => undefined): Buffer {
  const head = Buffer.alloc(8192);
  writeKdumpHeaders(head);
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
    notes: { offset: 0, bytes: 0 },
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
    (head: Buffer) => head.writeBigUInt64LE(1n << 63n, 4096 + 56),
  ])
    t.equal(why(headers(change)), 'its headers contradict each other');
  t.notOk('why' in readKdumpHeader(headers((head) => head.writeBigUInt64LE(32_768n, 4096 + 96))));
});

void t.test('VMCOREINFO is added to the notes, behind the end, with phys_base', async (t) => {
  const info = Buffer.from('OSRELEASE=6.1\nNUMBER(phys_base)=-4194304\n');
  const notes = Buffer.from('the notes of two CPUs   ');
  const utsname = utsnameOf('Linux', 'host', '6.1', '#1 SMP', 'x86_64', '(none)');
  const file = Buffer.concat([headers(), Buffer.alloc(20_000)]);
  for (const { offset, bytes } of vmcoreinfoPatches({ info, utsname }, { notes, sizeBytes: 20_001 }))
    bytes.copy(file, offset);
  const read = readKdumpHeader(file);
  if ('why' in read) throw new Error(read.why);
  const part = ({ offset, bytes }: { offset: number; bytes: number }) =>
    file.subarray(offset, offset + bytes);
  t.equal(read.notes.offset, 20_008);
  t.ok(part(read.notes).subarray(0, notes.length).equals(notes));
  t.equal(vmcoreinfoIn(part(read.notes).subarray(notes.length))?.toString(), info.toString());
  t.equal(read.info === undefined ? '' : part(read.info).toString(), info.toString());
  t.equal(file.readBigInt64LE(4096), -4_194_304n);
  t.ok(file.subarray(12, 402).equals(utsname));
});

void t.test('the utsname of a kernel that KASLR has moved', async (t) => {
  const info = (base: string, more = '') =>
    Buffer.from(`OSRELEASE=6.1\nSYMBOL(init_uts_ns)=ffffffff82a14fe0\nNUMBER(phys_base)=${base}\n${more}`);
  t.equal(utsnameAt(info('-16777216')), 0x1a14fe0);
  t.equal(utsnameAt(info('0', 'OFFSET(uts_namespace.name)=4\n')), 0x2a14fe4);
  t.equal(utsnameAt(info('-999999999999')), undefined);
  t.equal(utsnameAt(info('999999999999999')), undefined);
  t.equal(utsnameAt(Buffer.from('OSRELEASE=6.1\n')), undefined);
  t.ok(isUtsname(utsnameOf('Linux', 'host', '6.1', '#1 SMP', 'x86_64', '(none)')));
  t.notOk(isUtsname(utsnameOf('Linux', 'host', '', '#1 SMP', 'x86_64', '(none)')));
  t.notOk(isUtsname(utsnameOf('Linux', 'host', '6.1', '#1 SMP', 'i686', '(none)')));
  t.notOk(isUtsname(utsnameOf('Linux', 'host', '6.1', '#1 SMP', 'x86_64')));
  t.notOk(isUtsname(utsnameOf('Linux', 'host', '6'.repeat(65), '#1 SMP', 'x86_64', '(none)')));
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
