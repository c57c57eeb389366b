import t from 'tap';
import { madeCall, madeRecorded, STOCK_FACTS } from '../../testing/builders/recorded-calls.js';
import { pathFunctions } from './path-functions.js';

const of = (...facts: Parameters<typeof pathFunctions>[0][number]['facts']) =>
  pathFunctions([{ facts, crasher: 0 }]);

t.test('what was on a stack, the callers of lock functions, and what every crash path has', async (t) => {
  const functions = of(...STOCK_FACTS);
  for (const name of ['panic', '__crash_kexec', 'clear_IO_APIC_pin', 'ioapic_read_entry', 'console_trylock'])
    t.ok(functions.includes(name), name);
  t.strictSame(functions, functions.toSorted(), 'the same ones in every try');
  t.equal(new Set(functions).size, functions.length);
});

t.test(
  'near misses: what panic() interrupted, lock functions, and names that no script can have',
  async (t) => {
    const stack = ['up', '_raw_spin_lock', 'a b', 'panic', 'sysvec_apic_timer_interrupt', 'do_idle'];
    const functions = of(madeRecorded('machine_kexec', [madeCall({ at: '_raw_spin_lock', stack })]));
    t.ok(functions.includes('up'));
    for (const name of ['_raw_spin_lock', 'a b', 'sysvec_apic_timer_interrupt', 'do_idle'])
      t.notOk(functions.includes(name), name);
    const many = Array.from({ length: 600 }, (_, index) => `f${index}`);
    t.equal(
      of(madeRecorded('x', [madeCall({ at: 'y', stack: many })])).length,
      512,
      'half of what a step takes',
    );
  },
);
