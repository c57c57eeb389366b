import t from 'tap';
import { ChoreographySchema, type Step } from '../model/choreography.js';
import { contradictionIn } from './check-choreography.js';

const hold = (as: string): Step => ({ hold: { as, at: 'mask_ioapic_irq' } });
const proveHeld: Step = { prove: { lock: 'ioapic_lock', held: true } };
const fire = (role: string): Step => ({ fire: { role, aloneMs: 0 } });

const SOUND: Step[] = [
  { stimulate: { script: 'true' } },
  hold('holder'),
  proveHeld,
  { run: { as: 'crasher', to: 'sysvec_apic_timer_interrupt', orElse: 'stay' } },
  fire('crasher'),
  { release: 'all' },
];

t.test('a sound script has no contradiction', async (t) => {
  t.equal(contradictionIn(SOUND, 2), undefined);
  t.equal(
    contradictionIn([hold('own'), proveHeld, fire('own'), { release: 'own' }], 1),
    undefined,
    'one vCPU that holds and panics',
  );
  const interrupted: Step[] = [
    hold('own'),
    { interrupt: { role: 'own', vector: 209 } },
    proveHeld,
    fire('own'),
    { run: { as: 'own', to: 'machine_kexec' } },
    { interrupt: { role: 'own', nmi: true } },
    { release: 'all' },
  ];
  t.equal(contradictionIn(interrupted, 1), undefined, 'interrupts before and after firing');
  t.strictSame(ChoreographySchema.parse(interrupted), interrupted);
  for (const message of [{ vector: 15 }, { vector: 256 }, {}, { nmi: true, vector: 32 }]) {
    t.notOk(ChoreographySchema.safeParse([{ interrupt: { role: 'own', ...message } }]).success);
  }
  t.strictSame(ChoreographySchema.parse(SOUND), SOUND, 'and the form is what the schema takes');
});

t.test('each contradiction is named with its step', async (t) => {
  const cases: [string, Step[], number, RegExp][] = [
    [
      'an interrupt for nobody',
      [{ interrupt: { role: 'a', nmi: true } }, hold('a'), proveHeld, fire('a'), { release: 'all' }],
      2,
      /^step 1: role "a" is not bound/,
    ],
    [
      'holding every vCPU, then another',
      [hold('a'), hold('b'), hold('c')],
      2,
      /^step 3: it would hold every vCPU/,
    ],
    [
      'one vCPU, two roles',
      [hold('a'), { run: { as: 'b', forMs: 5 } }],
      1,
      /^step 2: no vCPU is left for role "b"/,
    ],
    ['a role twice', [hold('a'), hold('a')], 4, /^step 2: role "a" is taken/],
    [
      'proving an unknown role',
      [{ prove: { role: 'x', interrupts: 'off' } }],
      2,
      /^step 1: role "x" is not held/,
    ],
    ['firing an unknown role', [proveHeld, fire('x')], 2, /^step 2: role "x" is not held/],
    [
      'firing one that was let go',
      [hold('a'), proveHeld, { release: 'a' }, fire('a')],
      2,
      /^step 4: role "a"/,
    ],
    ['releasing an unknown role', [{ release: 'x' }], 2, /^step 1: role "x" is not bound/],
    [
      'a proof after firing',
      [hold('a'), proveHeld, fire('a'), proveHeld],
      2,
      /^step 4: a proof after firing/,
    ],
    ['a stimulus while one is held', [hold('a'), { stimulate: { script: 'x' } }], 2, /^step 2: a stimulus/],
    ['run without an end', [{ run: { as: 'a' } }], 2, /^step 1: run needs either/],
    ['run with two ends', [{ run: { as: 'a', to: 'x', forMs: 1 } }], 2, /^step 1: run needs either/],
    [
      'firing without release',
      [hold('a'), proveHeld, fire('a')],
      2,
      /^step 3: role "a" is fired and never released/,
    ],
    [
      'releasing another than was fired',
      [hold('a'), hold('b'), proveHeld, fire('b'), { release: 'a' }],
      2,
      /^step 4: role "b" is fired and never released/,
    ],
    ['a vCPU that is not there', [{ run: { as: 'a', on: 2, forMs: 5 } }], 2, /^step 1: there is no vCPU 2/],
    ['nothing fired', [hold('a'), proveHeld], 2, /never fires/],
    ['nothing proved', [hold('a'), fire('a'), { release: 'all' }], 2, /proves nothing/],
  ];
  for (const [what, steps, cpus, wanted] of cases) t.match(contradictionIn(steps, cpus), wanted, what);
});
