import t from 'tap';
import { vectorsInService } from './state-proof.js';

/** QEMU 7.2.22, `info lapic 0`, shortened. */
const LAPIC = [
  'dumping local APIC state for CPU 0',
  '',
  'LVT0\t 0x00010700 active-hi edge  masked                      ExtINT (vec 0)',
  'LVTT\t 0x000400ec active-hi edge  one-shot             Fixed  (vec 236)',
  'Timer\t DCR=0x3 (divide by 16) initial_count = 62500',
  'SPIV\t 0x000001ff APIC enabled, focus=off, spurious vec 255',
  'ICR\t 0x000000fd physical edge de-assert no-shorthand',
  'ESR\t 0x00000000',
  'ISR\t 36 236',
  'IRR\t 48 ',
].join('\n');

t.test('vectors in service are those of the ISR line, not of IRR', async (t) => {
  t.strictSame(vectorsInService(LAPIC), [36, 236]);
  t.strictSame(vectorsInService(LAPIC.replace('ISR\t 36 236', 'ISR\t (none)')), []);
  t.strictSame(vectorsInService(''), []);
});
