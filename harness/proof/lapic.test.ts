import t from 'tap';
import { machineWitness, stoppedWitness } from '../testing/fakes/witness.js';
import { LAPIC_PC } from '../testing/recordings/monitor-text.js';
import { inService, lapic } from './lapic.js';

const PENDING = LAPIC_PC.replace('IRR\t (none)', 'IRR\t 37(level) 209 ');
const BUSY = LAPIC_PC.replace('ISR\t (none)', 'ISR\t 236 ');

/** Asked of cpu1 before firing. */
const check = (conditions: object, text = PENDING) =>
  lapic.beforeFiring.put({ cpu: 1, lapic: conditions }, machineWitness({ lapics: ['', text] }));

void t.test('conditions on a local APIC', async (t) => {
  t.strictSame(await check({ enabled: true, irr: 209 }), {
    what: 'local APIC of cpu1: enabled, IRR has 209',
    proved: true,
    saw: 'enabled ISR (none) IRR 37(level) 209',
  });
  t.match(await check({ irr: 'any' }), { proved: true });
  t.match(await check({ irr: 208 }), { proved: false });
  t.match(await check({ isr: 'any' }), { proved: false });
  t.match(await check({ isr: 209 }), { proved: false }, 'requested is not in service');
  t.match(await check({ enabled: false, irr: 209 }), { proved: false });
  t.match(await check({ irr: 'any' }, ''), { proved: false, saw: /no local APIC/ });
});

void t.test('the same of a role in a choreography', async (t) => {
  const of = (text: string) => stoppedWitness({ lapics: [text] });
  t.strictSame(await lapic.choreography.put({ role: 'crasher', lapic: { irr: 209 } }, of(PENDING)), {
    what: 'local APIC of crasher: IRR has 209',
    proved: true,
    saw: 'enabled ISR (none) IRR 37(level) 209',
  });
  t.match(await inService.choreography.put({ role: 'crasher', inService: true }, of(BUSY)), {
    what: 'local APIC of crasher: ISR has a vector',
    proved: true,
  });
  t.match(await inService.choreography.put({ role: 'crasher', inService: true }, of(PENDING)), {
    proved: false,
  });
});

void t.test('a role exists only in a choreography; a proof without conditions is a mistake', async (t) => {
  const asked = { role: 'crasher', lapic: { irr: 'any' } };
  t.equal(lapic.beforeFiring.schema.safeParse(asked).success, false);
  t.equal(lapic.choreography.schema.safeParse({ cpu: 0, lapic: { irr: 'any' } }).success, false);
  t.equal(lapic.beforeFiring.schema.safeParse({ cpu: 0, lapic: {} }).success, false);
  t.equal(lapic.beforeFiring.schema.safeParse({ cpu: 0, lapic: { isr: 15 } }).success, false);
});
