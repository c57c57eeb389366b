import t from 'tap';
import { decodeGate, gateOffset } from './idt-gate.js';

/** As arch/x86/kernel/idt.c packs a gate (v6.1): offset in three parts, segment 0x10, present. */
const GATE = '500f1000008ec08fffffffff00000000';

t.test('the handler of a gate', async (t) => {
  t.strictSame(decodeGate(Buffer.from(GATE, 'hex')), { handler: 0xffffffff8fc00f50n, present: true });
  t.equal(gateOffset(2), 32);
});

t.test('a gate that is not present; a part of a gate', async (t) => {
  t.equal(decodeGate(Buffer.from(GATE.replace('8ec0', '0ec0'), 'hex')).present, false);
  t.throws(() => decodeGate(Buffer.from(GATE, 'hex').subarray(0, 8)), RangeError);
});
