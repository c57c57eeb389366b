import t from 'tap';
import { coreHead, elfNote, prstatusNote, utsNamespace } from '../testing/builders/runs.js';
import { chunkSums } from './chunk-sums.js';
import { notesSum, readVmcore, type VmcoreBytes } from './vmcore.js';

const PRSTATUS = prstatusNote(0);
const INFO = elfNote('VMCOREINFO', 0, Buffer.from('OSRELEASE=6.1.0-56-amd64\nPAGESIZE=4096\n'));

const NOTES = Buffer.concat([PRSTATUS, prstatusNote(1), INFO]);

function read(changes: Partial<VmcoreBytes> = {}) {
  return readVmcore({
    sizeBytes: 5,
    head: coreHead(),
    notes: NOTES,
    uts: utsNamespace('cp-1'),
    ...changes,
  });
}

void t.test('a whole vmcore', async (t) => {
  t.strictSame(read(), {
    sizeBytes: 5,
    prstatusNotes: 2,
    hasVmcoreinfo: true,
    crashedRelease: '6.1.0-56-amd64',
    nodename: 'cp-1',
    notesSum: notesSum([NOTES]),
    loads: [],
  });
});

void t.test('a 32-bit kernel has an ELF32 core', async (t) => {
  const head = coreHead().subarray(0, 52);
  head.writeUInt8(1, 4);
  t.match(read({ head }), { nodename: 'cp-1', prstatusNotes: 2 });
  t.equal(read({ head: head.subarray(0, 51) }), undefined, 'cut short');
  head.writeUInt16LE(2, 16);
  t.equal(read({ head }), undefined, 'an executable');
});

void t.test('a head that is not a core is no vmcore', async (t) => {
  const changed = (offset: number, value: number) => {
    const head = coreHead();
    head.writeUInt8(value, offset);
    return read({ head });
  };
  t.equal(changed(1, 0x65), undefined, 'no ELF magic');
  t.equal(changed(4, 3), undefined, 'neither ELF32 nor ELF64');
  t.equal(changed(5, 2), undefined, 'big endian');
  t.equal(changed(16, 2), undefined, 'an executable');
  t.equal(read({ head: coreHead().subarray(0, 63) }), undefined, 'cut short');
  t.equal(read({ head: Buffer.alloc(0) }), undefined);
});

void t.test('only CORE notes of type PRSTATUS are CPUs', async (t) => {
  const notes = Buffer.concat([
    elfNote('CORE', 3, Buffer.alloc(8)),
    elfNote('LINUX', 1, Buffer.alloc(8)),
    elfNote('CORE', 1, Buffer.alloc(7, 1)),
    INFO,
  ]);
  t.equal(read({ notes })?.prstatusNotes, 1);
  t.equal(read({ notes })?.hasVmcoreinfo, true, 'an odd length is padded');
});

void t.test('notes without registers, or with those of another CPU, are no CPUs', async (t) => {
  const cpus = (...notes: Buffer[]) => read({ notes: Buffer.concat([...notes, INFO]) })?.prstatusNotes;
  const empty = Buffer.alloc(336);
  empty.writeUInt32LE(77, 32);
  t.equal(cpus(PRSTATUS, prstatusNote(1)), 2);
  t.equal(cpus(PRSTATUS, PRSTATUS), 1, 'the same registers twice');
  t.equal(cpus(PRSTATUS, elfNote('CORE', 1, empty)), 1, 'a process id and no registers');
  const other = Buffer.from(PRSTATUS);
  other.writeUInt32LE(1, 20 + 32);
  t.equal(cpus(PRSTATUS, other), 1, 'in kernel mode the process id does not make another CPU');
  const user = Buffer.from(PRSTATUS);
  user.writeUInt8(0x33, 20 + 112 + 17 * 8);
  const twin = Buffer.from(user);
  twin.writeUInt32LE(1, 20 + 32);
  t.equal(cpus(user, twin), 2, 'two processes may have the same registers');
  t.equal(cpus(user, user), 1);
});

void t.test('the headers and the notes at the start of the file', async (t) => {
  const head = Buffer.alloc(4096);
  coreHead().copy(head);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(4, 64);
  head.writeBigUInt64LE(4096n, 64 + 8);
  head.writeBigUInt64LE(BigInt(NOTES.length), 64 + 32);
  const file = Buffer.alloc(2 * 4096);
  head.copy(file);
  NOTES.copy(file, 4096);
  t.strictSame(read({ head })?.start, { bytes: 8192, ...chunkSums(file) });
  t.equal(read({ head, notes: NOTES.subarray(0, -4) })?.start, undefined, 'cut off');
  t.equal(read({ head: head.subarray(0, 2048) })?.start, undefined, 'not all of the headers');
});

void t.test('the sum of notes is that of their parts', async (t) => {
  const padded = (notes: Buffer) => Buffer.concat([notes, Buffer.alloc(100)]);
  const [first, second] = [PRSTATUS, prstatusNote(1)];
  t.equal(notesSum([padded(first), padded(second)]), notesSum([Buffer.concat([first, second])]));
  t.not(notesSum([second, first]), notesSum([first, second]), 'their order counts');
  t.not(notesSum([first]), notesSum([first, second]));
  t.equal(notesSum([Buffer.alloc(8)]), notesSum([]), 'none');
});

void t.test('notes that do not fit end the walk', async (t) => {
  const huge = Buffer.from(PRSTATUS);
  huge.writeUInt32LE(0xffffffff, 4);
  t.equal(read({ notes: Buffer.concat([PRSTATUS, huge, INFO]) })?.prstatusNotes, 1);
  t.equal(read({ notes: PRSTATUS.subarray(0, -1) })?.prstatusNotes, 0, 'cut in the description');
  const hugeName = Buffer.from(PRSTATUS);
  hugeName.writeUInt32LE(0xfffffffe, 0);
  t.equal(read({ notes: hugeName })?.prstatusNotes, 0);
  t.strictSame(read({ notes: Buffer.concat([PRSTATUS, Buffer.alloc(12), PRSTATUS]) })?.prstatusNotes, 1);
  t.equal(read({ notes: Buffer.alloc(0) })?.hasVmcoreinfo, false);
});

void t.test('the release is a line of VMCOREINFO', async (t) => {
  const info = (text: string) => read({ notes: elfNote('VMCOREINFO', 0, Buffer.from(text)) })?.crashedRelease;
  t.equal(info('PAGESIZE=1\nOSRELEASE=6.12.0\n'), '6.12.0');
  t.equal(info('XOSRELEASE=6.12.0\n'), undefined);
  t.equal(info(`OSRELEASE=${'6'.repeat(65)}\n`), undefined);
});

void t.test('the host name is the field behind sysname, wherever the struct begins', async (t) => {
  t.equal(read({ uts: utsNamespace('cp-1', 4) })?.nodename, 'cp-1', 'behind a kref');
  t.equal(read({ uts: Buffer.alloc(390) })?.nodename, undefined);
  t.equal(read({ uts: utsNamespace('cp-1').subarray(0, 129) })?.nodename, undefined, 'cut in nodename');
  t.equal(read({ uts: Buffer.alloc(0) })?.nodename, undefined);
  const quoted = utsNamespace('cp-1');
  quoted.write('Linuxen', 0, 'latin1');
  t.equal(read({ uts: quoted })?.nodename, undefined, 'sysname is just Linux');
});
