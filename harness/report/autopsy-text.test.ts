import t from 'tap';
import type { Autopsy } from '../model/autopsy.js';
import { madeAutopsy, madeAutopsyVcpu as vcpu, madeFrame as frame } from '../testing/builders/autopsies.js';
import { autopsyText } from './autopsy-text.js';

const MADE: Autopsy = madeAutopsy({
  kernels: [{ side: 'production', release: '3.2.0', symbols: 'a file' }],
  vcpus: [
    vcpu(
      0,
      [
        frame('crash_nmi_callback', { interrupted: true }),
        frame('do_nmi'),
        frame('mask_IO_APIC_irq', { interrupted: true, hitBy: 'NMI' }),
        frame('move_native_irq'),
      ],
      { state: 'parked' },
    ),
    vcpu(4, [
      frame('queued_spin_lock_slowpath', { interrupted: true }),
      frame('_spin_lock_irqsave'),
      frame('ioapic_read_entry'),
      frame('panic'),
    ]),
    vcpu(5, [], { ended: 'no symbols of the kernel that it runs' }),
    vcpu(6, [frame('spin', { interrupted: true }), frame('old', { reliable: false })], {
      loop: 'a loop of 2 instructions, reads nothing',
      complete: false,
      ended: 'the frame pointer is zero',
    }),
  ],
  waits: [
    {
      vcpu: 4,
      lock: { name: 'ioapic_lock', address: 'ffffffff82000000', word: '00000001' },
      function: '_spin_lock_irqsave',
      takenIn: 'ioapic_read_entry',
      holder: {
        vcpu: 0,
        interruptedIn: 'mask_IO_APIC_irq',
        sitsIn: 'crash_nmi_callback',
        proof: 'its place',
        certain: true,
      },
    },
  ],
  interrupts: ['no IO-APIC'],
  findings: ['vCPU 4 spins on ioapic_lock\u001b[2J'],
  unknown: ['the dead kernel'],
});

void t.test('stacks as a mail has them', async (t) => {
  t.equal(
    autopsyText(MADE),
    [
      'found',
      '  vCPU 4 spins on ioapic_lock\\x1b[2J',
      '',
      'first kernel  3.2.0; symbols from a file',
      '',
      'CPU0: parked in the first kernel, interrupts off',
      'move_native_irq',
      '-> mask_IO_APIC_irq+0x10/0x40',
      '---NMI here, with ioapic_lock held---',
      '-> do_nmi',
      '-> crash_nmi_callback+0x10/0x40',
      '---halted with interrupts off here---',
      '',
      'CPU4: runs in the first kernel, interrupts off',
      'panic',
      '-> ioapic_read_entry',
      '-> _spin_lock_irqsave(ioapic_lock)',
      '-> queued_spin_lock_slowpath+0x10/0x40',
      '---Infinite loop here, waits for ioapic_lock---',
      '',
      'CPU5: runs in the first kernel, interrupts off',
      '0xffffffff81000000',
      '(no symbols of the kernel that it runs)',
      '---runs here---',
      '',
      'CPU6: runs in the first kernel, interrupts off',
      '(what is further out is not certain: the frame pointer is zero)',
      '? old',
      '-> spin+0x10/0x40',
      '---a loop of 2 instructions, reads nothing---',
      '',
      'interrupts',
      '  no IO-APIC',
      '',
      'not known',
      '  the dead kernel',
      '',
    ].join('\n'),
  );
  t.notMatch(autopsyText(MADE, { interrupts: false }), /IO-APIC version|^interrupts$/m);
  t.match(autopsyText({ ...MADE, findings: [] }), /^found\n {2}nothing that explains it\n/);
});
