import t from 'tap';
import { readExercise } from './exercise.js';

const made = (before: string, after: string) => readExercise({ device: 'eth0', before, after, received: 7 });

void t.test('a row that was not there before began at 0', async (t) => {
  const after = ' 11:        412   IO-APIC  11-fasteoi   eth0\n';
  t.strictSame(made('', after), { device: 'eth0', interrupts: 412, rows: after, received: 7 });
});

void t.test('rows of several queues and CPUs are added up', async (t) => {
  const before = ' 26:   1   2   PCI-MSI 49152-edge      eth0-rx-0\n';
  const after = `${before.replace('  2 ', ' 12 ')} 27:   3   0   PCI-MSI 49153-edge      eth0-tx-0\n`;
  t.equal(made(before, after).interrupts, 13);
});

void t.test('silence, and what is no row', async (t) => {
  const row = ' 11:          0   IO-APIC  11-fasteoi   eth0\n';
  t.equal(made('', row).interrupts, 0, 'requested and never raised');
  t.equal(made(row.replace(' 0 ', ' 9 '), row.replace(' 0 ', ' 9 ')).interrupts, 0, 'raised before only');
  t.equal(made(row.replace(' 0 ', ' 9 '), row).interrupts, 0, 'a count that fell');
  t.equal(made('', 'LOC:  5  Local timer interrupts\neth0: 5 5\n\n11: x\n').interrupts, 0);
});
