import t from 'tap';
import { decodeOrcEntry, formatOf } from './orc.js';

function entry(spOffset: number, bpOffset: number, flags: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeInt16LE(spOffset, 0);
  bytes.writeInt16LE(bpOffset, 2);
  bytes.writeUInt16LE(flags, 4);
  return bytes;
}

const repeated = (bytes: Buffer, count: number): Buffer => Buffer.concat(Array<Buffer>(count).fill(bytes));

t.test('the same bits mean different things before and since 6.4', async (t) => {
  const [sp, bpPrevious] = [5, 1 << 4];
  const older = (flags: number) => decodeOrcEntry(entry(16, -16, flags), 0, 'calls-are-zero');
  const newer = (flags: number) => decodeOrcEntry(entry(16, -16, flags), 0, 'calls-are-two');
  t.strictSame(older(sp | bpPrevious), {
    kind: 'call',
    spRegister: 'sp',
    spOffset: 16,
    bpRegister: 'previous-sp',
    bpOffset: -16,
  });
  t.equal(older(sp | (1 << 8)).kind, 'regs');
  t.equal(older(sp | (2 << 8)).kind, 'regs-partial');
  t.equal(older(1 << 10).kind, 'end-of-stack', 'end, 4.14 to 6.2');
  t.equal(older(1 << 11).kind, 'end-of-stack', 'end, 6.3');
  t.equal(older(sp | (1 << 8) | (1 << 10)).kind, 'regs', 'signal, 6.3');
  t.equal(older(0).kind, 'undefined');
  t.equal(newer(sp).kind, 'undefined');
  t.equal(newer(1 << 8).kind, 'end-of-stack');
  t.equal(newer(sp | (2 << 8)).kind, 'call');
  t.equal(newer(sp | (3 << 8) | (1 << 11)).kind, 'regs');
  t.equal(newer(sp | (4 << 8)).kind, 'regs-partial');
  t.equal(newer(sp | (7 << 8)).kind, 'undefined', 'no such type');
  t.equal(newer(15 | (2 << 8)).kind, 'undefined', 'no such register');
});

t.test('the format is that of most entries', async (t) => {
  t.equal(formatOf(repeated(entry(8, 0, 5), 8)), 'calls-are-zero');
  t.equal(formatOf(repeated(entry(8, 0, 5 | (2 << 8)), 8)), 'calls-are-two');
  const mixed = Buffer.concat([repeated(entry(8, 0, 5), 4), repeated(entry(8, 0, 5 | (2 << 8)), 4)]);
  t.equal(formatOf(mixed), undefined, 'half and half is no table');
  t.equal(formatOf(Buffer.alloc(0)), undefined);
});
