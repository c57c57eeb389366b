import t from 'tap';
import { interruptCount, interruptsOf } from './interrupt-rows.js';

/** A capture kernel of Debian 6.1.0-56, shortened. */
const TEXT = [
  '           CPU0       CPU1       ',
  '  1:          9          0   IO-APIC   1-edge      i8042',
  '  3:         26          4   IO-APIC   3-edge      ttyS1',
  '  4:          0          0   IO-APIC   4-edge      ttyS0',
  'NMI:          1          2   Non-maskable interrupts',
  'ERR:          0',
].join('\n');

t.test('the count of a row is the sum over the CPUs', async (t) => {
  t.equal(interruptCount('NMI:          1          2   Non-maskable interrupts'), 3);
  t.equal(interruptCount('ERR:          0'), 0);
  t.equal(interruptCount('  4:  153    0   IO-APIC   4-edge      ttyS0 9'), 153, 'names are no counts');
  t.equal(interruptCount('           CPU0       CPU1'), undefined);
  t.equal(interruptCount(''), undefined);
});

t.test('a device is found by its name, whole', async (t) => {
  t.equal(interruptsOf('ttyS1', TEXT), 30);
  t.equal(interruptsOf('ttyS0', TEXT), 0);
  t.equal(interruptsOf('tty', TEXT), undefined, 'not by a part of it');
  t.equal(interruptsOf('eth0', TEXT), undefined);
});
