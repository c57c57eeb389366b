import t from 'tap';
import { LAPIC_PC, PIC_PC } from '../testing/recordings/monitor-text.js';
import { interruptStateLines } from './interrupt-state.js';

void t.test('what is in use or pending is shown, the rest is counted', async (t) => {
  const pic = PIC_PC.replace('  IRR      (none)', '  IRR      11 ');
  t.strictSame(interruptStateLines({ fact: 'interrupt-state', pic, lapics: [{ vcpu: 1, text: LAPIC_PC }] }), [
    'IO-APIC version 0x20, 24 pins, the rest masked and quiet:',
    '  pin 1 edge active-high vector 34 to logical 2',
    '  pin 2 edge active-high vector 48 to logical 1',
    '  pin 3 edge active-high vector 35 to logical 1',
    '  pin 4 edge active-high vector 35 to logical 2',
    '  pin 8 edge active-high vector 34 to logical 1',
    '  pin 9 level active-high vector 33 to logical 2',
    '  pin 11 edge active-high vector 0 to physical 0 masked irr',
    '  pin 12 edge active-high vector 33 to logical 1',
    '8259 irr=1b imr=ff isr=00 elcr=00; irr=11 imr=ff isr=00 elcr=0c',
    'cpu1 local APIC enabled ISR (none) IRR (none)',
  ]);
});

void t.test('what cannot be read is said', async (t) => {
  const lapics = [{ vcpu: 0, text: 'No CPU available' }];
  t.strictSame(interruptStateLines({ fact: 'interrupt-state', pic: '', lapics }), [
    'no IO-APIC',
    'no 8259',
    'cpu0 local APIC cannot be read',
  ]);
});
