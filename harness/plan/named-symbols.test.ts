import t from 'tap';
import { symbolsOf } from '../testing/fakes/witness.js';
import type { Step } from '../trigger/choreography-steps.js';
import { judgeSymbols, namedSymbols } from './named-symbols.js';

const SYMBOLS = symbolsOf(
  [
    'ffffffff81000000 T panic',
    'ffffffff81001000 t mask_ioapic_irq',
    'ffffffff81002000 t twice',
    'ffffffff81003000 t twice',
    'ffffffff81004000 t io_apic_modify.isra.0',
    'ffffffff82000000 b ioapic_lock',
    '',
  ].join('\n'),
);

const of = (...steps: Step[]) => namedSymbols({ prove: [], trigger: { kind: 'choreography', steps } });
const judged = (...steps: Step[]) => judgeSymbols(of(...steps), SYMBOLS);

void t.test('everything that a scenario names, once', async (t) => {
  t.strictSame(
    of(
      { hold: { as: 'a', at: { after: '_raw_spin_lock', in: ['x', 'y'] } } },
      { run: { as: 'b', to: 'x' } },
      { run: { as: 'b', forMs: 5 } },
      { run: { as: 'b', to: { linear: '0x1000' } } },
      { prove: { lock: 'ioapic_lock', held: true } },
      { prove: { role: 'b', in: 'x' } },
      { call: { role: 'b', function: '__delay', args: [1] } },
      { set: { variable: 'ioapic_lock', bytes: 4, to: 1, was: 0 } },
      { set: { variable: 'runqueues', of: 'b', bytes: 4, to: 1, was: 0 } },
      { find: { lockedIn: ['not_asked_for'] } },
      { fire: { role: 'b', aloneMs: 0 } },
      { fire: { role: 'c', aloneMs: 0 } },
      { fire: { role: 'd', aloneMs: 0, itself: true } },
      { record: { role: 'd', at: ['__delay', 'y'], to: 'z', most: 9 } },
      {
        call: { role: 'b', function: 'y', args: [{ addressOf: 'v' }, { addressOf: 'p', of: 'b' }] },
      },
    ),
    [
      { names: ['x', 'y'], sort: 'text' },
      { names: ['_raw_spin_lock'], sort: 'name' },
      { names: ['x'], sort: 'text' },
      { names: ['ioapic_lock'], sort: 'data' },
      { names: ['x'], sort: 'name' },
      { names: ['__delay'], sort: 'text' },
      { names: ['runqueues'], sort: 'name' },
      { names: ['panic'], sort: 'text' },
      { names: ['y'], sort: 'text' },
      { names: ['z'], sort: 'text' },
      { names: ['v'], sort: 'data' },
      { names: ['p'], sort: 'name' },
    ],
  );
  t.strictSame(
    namedSymbols({ prove: [{ variable: 'panic_cpu', equals: -1 }], trigger: { kind: 'sysrq', key: 'c' } }),
    [{ names: ['panic_cpu'], sort: 'data' }],
  );
  t.strictSame(namedSymbols({ prove: [], trigger: { kind: 'sysrq', key: 'c' } }), []);
});

void t.test('what the kernel lacks is named, with what is near', async (t) => {
  t.match(judged({ hold: { as: 'a', at: 'mask_ioapic_irq' } }), { proved: true, saw: 'all 1' });
  t.match(judged({ hold: { as: 'a', at: ['gone', 'mask_ioapic_irq'] } }), { proved: true });
  t.match(judged({ hold: { as: 'a', at: 'mask_ioapic_irg' } }), {
    proved: false,
    saw: /^mask_ioapic_irg: this kernel has none .* nearest: mask_ioapic_irq/,
  });
  t.match(judged({ hold: { as: 'a', at: 'io_apic_modify' } }), {
    proved: false,
    saw: /io_apic_modify\.isra\.0/,
  });
  t.match(judged({ prove: { lock: 'panic', held: true } }), { proved: false }, 'a function is no lock');
  t.match(judged({ hold: { as: 'a', at: 'twice' } }), { proved: false, saw: /has 2 of the name/ });
  t.match(judged({ prove: { role: 'a', in: 'twice' } }), { proved: true }, 'either will do');
  t.match(judged({ prove: { role: 'a', in: 'thrice' } }), { proved: false });
  t.match(judged({ hold: { as: 'a', at: 'one' } }, { hold: { as: 'b', at: 'two' } }), {
    saw: /^one: .*; two: /,
  });
});
