import t from 'tap';
import { vmcoreinfoIn } from './notes.js';

function note(name: string, text: string): Buffer {
  const pad = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const named = Buffer.from(`${name}\0`, 'latin1');
  const described = Buffer.from(text, 'latin1');
  const head = Buffer.alloc(12);
  head.writeUInt32LE(named.length, 0);
  head.writeUInt32LE(described.length, 4);
  return Buffer.concat([head, pad(named), pad(described)]);
}

const INFO = 'OSRELEASE=6.1.0\nPAGESIZE=4096\n';

void t.test('VMCOREINFO among notes', async (t) => {
  t.equal(vmcoreinfoIn(note('VMCOREINFO', INFO))?.toString(), INFO);
  t.equal(vmcoreinfoIn(Buffer.concat([note('CORE', 'abc'), note('VMCOREINFO', INFO)]))?.toString(), INFO);
});

void t.test('notes of other names, cut ones, and one that is none', async (t) => {
  t.equal(vmcoreinfoIn(note('VMCOREINFO_XEN', INFO)), undefined);
  t.equal(vmcoreinfoIn(note('VMCOREINFO', 'PAGESIZE=4096\n')), undefined);
  t.equal(vmcoreinfoIn(note('VMCOREINFO', INFO).subarray(0, 40)), undefined);
  t.equal(vmcoreinfoIn(Buffer.alloc(4096)), undefined);
});
