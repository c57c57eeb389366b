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

t.test('the registers of 7.2 have other numbers', async (t) => {
  // Entries of Debian's 7.2.13: _raw_spin_lock_irqsave, exc_nmi, crash_nmi_callback, and padding.
  const functions = [entry(16, 0, 0x203), entry(32, -24, 0x283), entry(8, 0, 0x203), entry(0, 0, 0)];
  t.equal(formatOf(Buffer.concat(functions.flatMap((one) => [one, one, one]))), 'stack-is-three');
  const newest = (sp: number, bp: number, flags: number) =>
    decodeOrcEntry(entry(sp, bp, flags), 0, 'stack-is-three');
  t.match(newest(32, -24, 0x283), {
    kind: 'call',
    spRegister: 'sp',
    bpRegister: 'previous-sp',
    bpOffset: -24,
  });
  t.match(newest(16, -16, 0x284), { kind: 'call', spRegister: 'bp', bpRegister: 'previous-sp' });
  t.match(newest(0, 0, 0xb03), { kind: 'regs', spRegister: 'sp' }, 'end_repeat_nmi');
  t.match(newest(8, 0, 0xc02), { kind: 'regs-partial', spRegister: 'dx' }, 'asm_exc_nmi');
  t.match(newest(0, 0, 0x246), { kind: 'call', spRegister: 'r10', bpRegister: 'bp' });
  t.match(newest(16, 0, 0x209), { kind: 'call', spRegister: 'sp-indirect' }, 'a call on the interrupt stack');
  t.match(newest(-40, 0, 0x24a), { kind: 'call', spRegister: 'bp-indirect' });
  t.equal(newest(0, 0, 0x205).kind, 'undefined', 'no entry has it');
});

t.test('padding does not count for the format', async (t) => {
  const padding = repeated(entry(0, 0, 0), 24);
  t.equal(formatOf(Buffer.concat([padding, repeated(entry(8, 0, 5 | (2 << 8)), 8)])), 'calls-are-two');
  t.equal(formatOf(padding), undefined);
});
