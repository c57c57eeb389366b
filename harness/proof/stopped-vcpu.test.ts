import t from 'tap';
import { stoppedWitness } from '../testing/fakes/witness.js';
import { inFunction, interruptFlag, stackHas } from './stopped-vcpu.js';

const LINE = 'cpu1 mask_ioapic_irq+0x16/0xb0 IF=0';
const HERE = stoppedWitness({
  stopped: { function: 'mask_ioapic_irq', interruptsOn: false, line: LINE },
  stack: { functions: ['handle_irq', 'common_interrupt'], line: 'handle_irq < maybe < common_interrupt' },
});
const role = 'crasher';

void t.test('the function that a vCPU is in', async (t) => {
  t.strictSame(
    await inFunction.choreography.put({ role, in: ['mask_IO_APIC_irq', 'mask_ioapic_irq'] }, HERE),
    {
      what: 'crasher is in mask_IO_APIC_irq or mask_ioapic_irq',
      proved: true,
      saw: LINE,
    },
  );
  t.match(await inFunction.choreography.put({ role, in: 'panic' }, HERE), { proved: false, saw: LINE });
  const nowhere = stoppedWitness({ stopped: { function: undefined, interruptsOn: true, line: 'cpu1 0x10' } });
  t.match(await inFunction.choreography.put({ role, in: 'panic' }, nowhere), { proved: false });
});

void t.test('its interrupt flag', async (t) => {
  t.strictSame(await interruptFlag.choreography.put({ role, interrupts: 'off' }, HERE), {
    what: 'crasher has interrupts off',
    proved: true,
    saw: LINE,
  });
  t.match(await interruptFlag.choreography.put({ role, interrupts: 'on' }, HERE), { proved: false });
});

void t.test('its stack, frames that are certain only', async (t) => {
  t.strictSame(await stackHas.choreography.put({ role, stackHas: ['do_IRQ', 'common_interrupt'] }, HERE), {
    what: "crasher's stack has do_IRQ or common_interrupt",
    proved: true,
    saw: 'handle_irq < maybe < common_interrupt',
  });
  t.match(await stackHas.choreography.put({ role, stackHas: 'maybe' }, HERE), { proved: false });
});
