import t from 'tap';
import { LocalApicConditionsSchema, PinConditionsSchema } from '../model/irqchip.js';
import { checkLapic, checkPin } from './irqchips.js';
import { readLapic } from '../hmp/lapic.js';
import { readRouters } from '../hmp/irqchips.js';
import { LAPIC_PC, PIC_PC } from '../testing/recordings/monitor-text.js';

const routers = readRouters(PIC_PC);
const asserted = readRouters(PIC_PC.replace('  IRR      (none)', '  IRR      9  '));

void t.test('every condition on a pin must hold', async (t) => {
  const at = (number: number) => ({ name: `pin ${number}`, number, routers });
  t.strictSame(checkPin({ trigger: 'level', masked: false }, at(9)), {
    what: 'pin 9 trigger=level masked=false',
    proved: true,
    saw: 'pin 9 level active-high vector 33 to logical 2',
  });
  t.equal(checkPin({ trigger: 'level', masked: true }, at(9)).proved, false);
  t.equal(checkPin({ irr: false, remoteIrr: false }, at(9)).proved, true);
  t.equal(checkPin({ irr: true }, at(9)).proved, false);
  t.equal(checkPin({ remoteIrr: true }, at(9)).proved, false);
});

void t.test('the line can be told for a level pin only', async (t) => {
  const line = (wanted: 'asserted' | 'idle', number: number) =>
    checkPin({ line: wanted }, { name: 'it', number, routers: asserted }).proved;
  t.equal(line('asserted', 9), true);
  t.equal(line('idle', 9), false);
  t.equal(line('idle', 4), false, 'an edge pin does not show its line');
  t.equal(line('asserted', 4), false);
});

void t.test('a pin that is not there proves nothing, and says why', async (t) => {
  const check = (number: number | undefined, from = routers) =>
    checkPin({ masked: true }, { name: 'pin of eth0', number, routers: from });
  t.match(check(24), { proved: false, saw: 'the IO-APIC has pins 0 to 23' });
  t.match(check(undefined), { proved: false, saw: /no row of \/proc\/interrupts/ });
  t.match(check(1, readRouters('')), { proved: false, saw: /no IO-APIC/ });
});

void t.test('conditions on a local APIC', async (t) => {
  const lapic = readLapic(LAPIC_PC.replace('IRR\t (none)', 'IRR\t 37(level) 209 '));
  const check = (conditions: Parameters<typeof checkLapic>[0], from = lapic) =>
    checkLapic(conditions, { name: 'crasher', lapic: from });
  t.strictSame(check({ enabled: true, irr: 209 }), {
    what: 'local APIC of crasher: enabled, IRR has 209',
    proved: true,
    saw: 'enabled ISR (none) IRR 37(level) 209',
  });
  t.equal(check({ irr: 'any' }).proved, true);
  t.equal(check({ irr: 208 }).proved, false);
  t.equal(check({ isr: 'any' }).proved, false);
  t.equal(check({ isr: 209 }).proved, false, 'requested is not in service');
  t.equal(check({ enabled: false, irr: 209 }).proved, false);
  t.match(checkLapic({ irr: 'any' }, { name: 'x', lapic: undefined }), {
    proved: false,
    saw: /no local APIC/,
  });
});

void t.test('asking for nothing is a mistake', async (t) => {
  t.notOk(PinConditionsSchema.safeParse({}).success);
  t.notOk(LocalApicConditionsSchema.safeParse({}).success);
  t.notOk(LocalApicConditionsSchema.safeParse({ isr: 15 }).success);
  t.notOk(PinConditionsSchema.safeParse({ line: 'high' }).success);
});
