import t from 'tap';
import { excerptText } from './excerpt-text.js';

t.test('facts of the host in words', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    [
      '{"fact":"proof","what":"ioapic_lock is held","proved":true,"saw":"lock word 0x1"}',
      'ioapic_lock is held: lock word 0x1',
    ],
    [
      '{"fact":"proof","what":"vCPU 1 has interrupts off","proved":false,"saw":"IF=1"}',
      'not proved: vCPU 1 has interrupts off: IF=1',
    ],
    [
      `{"fact":"proof","what":"crasher's stack has panic","proved":true,"saw":"panic < ? kth...`,
      "crasher's stack has panic: panic < ? kth...",
    ],
    [
      '{"fact":"last-place","vcpu":1,"place":"first-kernel","halted":true,"interruptsOn":false,"where":"crash_nmi_callback+0x40/0x4a"}',
      'vcpu 1, place first-kernel, halted true, interruptsOn false, where crash_nmi_callback+0x40/0x4a',
    ],
  ];
  for (const [excerpt, text] of cases) t.equal(excerptText(excerpt), text);
});

t.test('other excerpts are as they were, braces and quotes too', async (t) => {
  for (const excerpt of [
    '',
    'Kernel panic - not syncing: "{fact}"',
    '{"facts":"proof"}',
    'x {"fact":"proof"}',
  ])
    t.equal(excerptText(excerpt), excerpt);
});
