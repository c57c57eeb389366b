import t from 'tap';
import { pinOfDevice, readProcInterrupts, rowNamed, interruptsOf } from './proc-interrupts.js';

/** Debian 6.1.0-56 in the capture kernel, shortened, and rows of other machines behind it. */
const TEXT = [
  '           CPU0       CPU1       ',
  '  0:        394          0   local-APIC   2-edge      timer',
  '  1:          9          1   IO-APIC   1-edge      i8042',
  '  4:          2         40   IO-APIC   4-edge      ttyS0',
  '  9:          0          0   IO-APIC   9-fasteoi   acpi',
  ' 11:         17          3   IO-APIC  11-fasteoi   eth0, virtio0',
  ' 24:          5          0   PCI-MSI 49152-edge      virtio1-config',
  'NMI:          1          2   Non-maskable interrupts',
  'LOC:       1294       2000   Local timer interrupts',
  'ERR:          7',
].join('\n');
const rows = readProcInterrupts(TEXT);

void t.test('rows are summed over the CPUs', async (t) => {
  t.equal(rowNamed(rows, 'NMI')?.count, 3);
  t.equal(rowNamed(rows, '4')?.count, 42);
  t.equal(rowNamed(rows, 'ERR')?.count, 7);
  t.equal(rowNamed(rows, 'LOC')?.count, 3294);
});

void t.test('a row is found by its device, even one of several', async (t) => {
  t.equal(rowNamed(rows, 'ttyS0')?.row, '4');
  t.equal(rowNamed(rows, 'virtio0')?.row, '11');
  t.equal(rowNamed(rows, 'virtio1-config')?.row, '24');
  t.equal(rowNamed(rows, 'virtio'), undefined, 'a piece of a name is none');
  t.equal(rowNamed(rows, 'interrupts'), undefined, 'a description is no device');
});

void t.test('only rows of the IO-APIC have a pin', async (t) => {
  t.equal(pinOfDevice(rows, 'ttyS0'), 4);
  t.equal(pinOfDevice(rows, 'acpi'), 9);
  t.equal(pinOfDevice(rows, 'eth0'), 11);
  t.equal(pinOfDevice(rows, 'timer'), undefined, 'the local APIC has it');
  t.equal(pinOfDevice(rows, 'virtio1-config'), undefined, 'a message has no pin');
  t.equal(pinOfDevice(rows, 'ttyS9'), undefined);
});

void t.test('what is no row is left out', async (t) => {
  t.strictSame(readProcInterrupts(''), []);
  t.strictSame(readProcInterrupts('NMI: Non-maskable'), []);
  t.equal(
    readProcInterrupts('  4:   153   0   IO-APIC   4-edge   ttyS0 9')[0]?.count,
    153,
    'names are no counts',
  );
});

t.test('a count is found by the name of its row or device, whole', async (t) => {
  const text = [
    '           CPU0       CPU1       ',
    '  3:         26          4   IO-APIC   3-edge      ttyS1',
    '  4:          0          0   IO-APIC   4-edge      ttyS0',
    'NMI:          1          2   Non-maskable interrupts',
  ].join('\n');
  t.equal(interruptsOf('ttyS1', text), 30);
  t.equal(interruptsOf('ttyS0', text), 0);
  t.equal(interruptsOf('NMI', text), 3);
  t.equal(interruptsOf('tty', text), undefined, 'not by a part of it');
  t.equal(interruptsOf('eth0', text), undefined);
});
