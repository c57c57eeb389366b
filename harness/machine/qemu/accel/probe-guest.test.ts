import t from 'tap';
import { Fault } from '../../../model/fault.js';
import { probeGuestElf } from './probe-guest.js';

void t.test('turns out of range are refused', async (t) => {
  for (const turns of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
    t.throws(() => probeGuestElf({ turns }), Fault);
  }
});
