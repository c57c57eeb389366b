import t from 'tap';
import { machineWitness, type MachineTexts, stoppedWitness } from '../testing/fakes/witness.js';
import { PIC_PC } from '../testing/recordings/monitor-text.js';
import { pin } from './pin.js';

const ASSERTED = PIC_PC.replace('  IRR      (none)', '  IRR      9  ');

const check = (is: object, name: number | string, texts: MachineTexts = { pic: PIC_PC }) =>
  pin.beforeFiring.put({ pin: name, is }, machineWitness(texts));

void t.test('every condition on a pin must hold', async (t) => {
  t.strictSame(await check({ trigger: 'level', masked: false }, 9), {
    what: 'pin 9 trigger=level masked=false',
    proved: true,
    saw: 'pin 9 level active-high vector 33 to logical 2',
  });
  t.match(await check({ trigger: 'level', masked: true }, 9), { proved: false });
  t.match(await check({ irr: false, remoteIrr: false }, 9), { proved: true });
  t.match(await check({ irr: true }, 9), { proved: false });
  t.match(await check({ remoteIrr: true }, 9), { proved: false });
});

void t.test('the line shows for a level pin only', async (t) => {
  const line = async (wanted: 'asserted' | 'idle', number: number) =>
    (await check({ line: wanted }, number, { pic: ASSERTED }))?.proved;
  t.equal(await line('asserted', 9), true);
  t.equal(await line('idle', 9), false);
  t.equal(await line('idle', 4), false, 'an edge pin does not show its line');
  t.equal(await line('asserted', 4), false);
});

void t.test('a pin that is not there proves nothing, and says why', async (t) => {
  t.match(await check({ masked: true }, 24), { proved: false, saw: 'the IO-APIC has pins 0 to 23' });
  t.match(await check({ masked: true }, 'eth0'), {
    what: 'pin of eth0 masked=true',
    proved: false,
    saw: /no row of \/proc\/interrupts/,
  });
  t.match(await check({ masked: true }, 1, {}), { proved: false, saw: /no IO-APIC/ });
});

void t.test('a pin is found by its device', async (t) => {
  const procInterrupts = '  9:  0   IO-APIC   9-fasteoi   acpi\n';
  t.match(await check({ trigger: 'level' }, 'acpi', { pic: PIC_PC, procInterrupts }), {
    what: 'pin of acpi trigger=level',
    proved: true,
  });
});

void t.test('in a choreography, sources have some time to establish the state', async (t) => {
  const later = (answers: number, sourcesWithinMs: number) =>
    pin.choreography.put(
      { pin: 9, is: { line: 'asserted' } },
      stoppedWitness({
        pic: [...Array.from({ length: answers }, () => PIC_PC), ASSERTED],
        sourcesWithinMs,
      }),
    );
  t.match(await later(10, 1000), { proved: true });
  t.match(await later(10, 0), { proved: false }, 'without sources, it is looked at once');
  t.match(await later(1000, 1000), { proved: false });
});

void t.test('a proof without conditions is a mistake', async (t) => {
  t.equal(await check({}, 9), undefined);
  t.equal(await check({ line: 'high' }, 9), undefined);
});
