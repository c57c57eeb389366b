import t from 'tap';
import { interruptCount } from './prepare-guest.js';

t.test('a row of /proc/interrupts is summed over the CPUs', async (t) => {
  t.equal(interruptCount(' NMI:          1          2   Non-maskable interrupts'), 3);
  t.equal(
    interruptCount('  4:        153          0   IO-APIC   4-edge      ttyS0 9'),
    153,
    'names are no counts',
  );
  t.equal(interruptCount(''), undefined);
  t.equal(interruptCount('NMI: Non-maskable'), undefined);
});
