import t from 'tap';
import { isRam } from './ram.js';

const PC = { memoryMiB: 768, type: 'pc' };
const Q35 = { memoryMiB: 4096, type: 'q35,accel=tcg' };

void t.test('RAM, and what is between', async (t) => {
  t.ok(isRam(0n, PC));
  t.ok(isRam(0x100000n, PC));
  t.ok(isRam(0x2fffffffn, PC));
  t.notOk(isRam(0x30000000n, PC), 'above the last byte');
  t.notOk(isRam(0xa0000n, PC), 'the VGA window');
  t.notOk(isRam(0xfed000f0n, PC), 'HPET');
  t.notOk(isRam(0xfee00300n, PC), 'local APIC');
  t.notOk(isRam(0x100000000n, PC));
});

void t.test('RAM that does not fit below 4 GiB', async (t) => {
  t.ok(isRam(0x7fffffffn, Q35));
  t.notOk(isRam(0x80000000n, Q35));
  t.ok(isRam(0x17fffffffn, Q35));
  t.notOk(isRam(0x180000000n, Q35));
  const large = { memoryMiB: 4096, type: 'pc' };
  t.ok(isRam(0xbfffffffn, large));
  t.notOk(isRam(0xc0000000n, large));
  t.ok(isRam(0x13fffffffn, large));
});

void t.test('a machine whose RAM below 4 GiB is limited', async (t) => {
  const limited = { memoryMiB: 4096, type: 'q35,max-ram-below-4g=1G' };
  t.ok(isRam(0x3fffffffn, limited));
  t.notOk(isRam(0x40000000n, limited));
  t.ok(isRam(0x1bfffffffn, limited));
  t.notOk(isRam(0x1c0000000n, limited));
  t.notOk(isRam(0x1000n, { memoryMiB: 4096, type: 'pc,max-ram-below-4g=1.5G' }), 'not understood');
});
