import t from 'tap';
import { HPET_BYTES, readHpet } from './hpet.js';

/** An HPET with three timers; `registers` are 64-bit values by offset. */
function hpet(registers: Readonly<Record<number, bigint>>): Uint8Array {
  const bytes = Buffer.alloc(HPET_BYTES);
  // QEMU 7.2: three timers, 64 bits, legacy replacement, vendor 8086.
  bytes.writeBigUInt64LE(0x009896808086a201n, 0);
  for (const [at, value] of Object.entries(registers)) bytes.writeBigUInt64LE(value, Number(at));
  return bytes;
}

void t.test('a machine without one', async (t) => {
  t.equal(readHpet(Buffer.alloc(HPET_BYTES)), undefined);
  t.equal(readHpet(Buffer.alloc(HPET_BYTES, 0xff)), undefined);
  t.equal(readHpet(Buffer.alloc(8)), undefined);
});

void t.test('stopped, and running', async (t) => {
  t.match(readHpet(hpet({})), { runs: false, timers: { length: 3 } });
  t.match(readHpet(hpet({ 0x10: 3n, 0x100: 0x3cn, 0x108: 5n, 0xf0: 9n })), {
    runs: true,
    timers: [{ enabled: true, periodic: true, ahead: true, pin: 2 }, { enabled: false }, {}],
  });
});

void t.test('a comparator that is behind does not fire again, unless it is 32 bits wide', async (t) => {
  const timer = (configuration: bigint, comparator: bigint) =>
    readHpet(hpet({ 0x10: 1n, 0xf0: 100n, 0x100: configuration, 0x108: comparator }))?.timers[0];
  t.match(timer(0x24n, 101n), { ahead: true });
  t.match(timer(0x24n, 99n), { ahead: false });
  t.match(timer(0x124n, 99n), { ahead: true });
  t.match(timer(0x4024n | (20n << 9n), 101n), { message: true, pin: 20 });
});
