import t from 'tap';
import { readIrqCounts } from './irq-counts.js';

void t.test('the counts of each controller', async (t) => {
  const text = [
    'IRQ statistics for isa-i8259:',
    ' 0: 1234',
    ' 4: 7',
    'IRQ statistics for ioapic:',
    ' 2: 9',
    '',
  ].join('\r\n');
  t.strictSame(
    [...readIrqCounts(text)],
    [
      ['isa-i8259 0', 1234],
      ['isa-i8259 4', 7],
      ['ioapic 2', 9],
    ],
  );
});

void t.test('two controllers of one name are summed', async (t) => {
  t.strictSame(
    [...readIrqCounts('IRQ statistics for isa-i8259:\n 0: 1\nIRQ statistics for isa-i8259:\n 0: 2\n')],
    [['isa-i8259 0', 3]],
  );
});

void t.test('no counts', async (t) => {
  t.equal(readIrqCounts('IRQ statistics not available for kvm-ioapic.\r\n').size, 0);
});
