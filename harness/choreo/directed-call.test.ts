import t from 'tap';
import { argumentsOf } from './directed-call.js';

t.test("arguments are 64 bits wide, negative ones in two's complement", async (t) => {
  t.strictSame(argumentsOf({ args: [0, 6, -1, '0x4000000000000000', '0xFFFFFFFFFFFFFFFF'] }), [
    0n,
    6n,
    0xffff_ffff_ffff_ffffn,
    0x4000_0000_0000_0000n,
    0xffff_ffff_ffff_ffffn,
  ]);
});
