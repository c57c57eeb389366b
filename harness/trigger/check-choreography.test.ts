import t from 'tap';
import { ChoreographySchema, type Location, type Step } from './choreography-steps.js';
import { contradictionIn } from './check-choreography.js';

const hold = (as: string): Step => ({ hold: { as, at: 'mask_ioapic_irq' } });
const proveHeld: Step = { prove: { lock: 'ioapic_lock', held: true } };
const fire = (role: string): Step => ({ fire: { role, aloneMs: 0 } });

const sendForEver = (role: string): Step => ({
  call: { role, function: '__delay', args: ['0x4000000000000000'], returns: 'never' },
});

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

t.test('a variable may be set at any time; the role whose copy it is must be held', async (t) => {
  const set = (of?: string): Step => ({
    set: { variable: 'panic_cpu', bytes: 4, to: 1, was: -1, ...(of === undefined ? {} : { of }) },
  });
  const find: Step = { find: { lockedIn: ['panic', '__crash_kexec'] } };
  const script = [find, hold('own'), set('own'), proveHeld, fire('own'), set(), { release: 'all' as const }];
  t.equal(contradictionIn(script, 1), undefined);
  t.equal(contradictionIn([set('own'), ...script], 1), 'step 1: role "own" is not held');
  t.match(contradictionIn([hold('own'), set(), fire('own'), { release: 'all' }], 1), /^it proves nothing/);
  t.notOk(ChoreographySchema.safeParse([{ find: { lockedIn: [] } }]).success);
});

t.test('places inside functions, single steps and traces are taken as they are written', async (t) => {
  const script: Step[] = [
    hold('own'),
    proveHeld,
    fire('own'),
    { run: { as: 'own', to: { in: 'machine_kexec', instruction: 'lidt' }, thenStep: 1, idt: '0x0/0x0' } },
    { run: { as: 'own', to: { in: ['machine_kexec'], offset: 0x1b3 } } },
    { run: { as: 'own', to: { linear: '0x1d000200' } } },
    { run: { as: 'own', thenStep: 3 } },
    { run: { as: 'own', to: 'panic', thenOver: 'call' } },
    { trace: { role: 'own', into: ['panic'], from: ['0x1d000200'], most: 100 } },
    { release: 'all' },
  ];
  t.equal(contradictionIn(script, 1), undefined);
  t.strictSame(ChoreographySchema.parse(script), script);
  for (const to of [
    { in: 'machine_kexec', offset: -1 },
    { in: 'machine_kexec', instruction: 'lidt (%rsp)' },
    { in: 'machine_kexec', offset: 1, instruction: 'lidt' },
    { linear: '1d000200' },
    { linear: 0x1d000200 },
  ]) {
    t.notOk(ChoreographySchema.safeParse([{ run: { as: 'own', to } }]).success, JSON.stringify(to));
  }
});

t.test('a vCPU at a place on the crash path is proved and continued after firing', async (t) => {
  const onThePath: Step[] = [
    hold('a'),
    proveHeld,
    fire('a'),
    { run: { as: 'a', to: 'rcu_panic' } },
    { prove: { role: 'a', in: 'rcu_panic' } },
    sendForEver('a'),
    { release: 'all' },
  ];
  t.equal(contradictionIn(onThePath, 2), undefined);
  t.strictSame(ChoreographySchema.parse(onThePath), onThePath);
  const called: Step = { fire: { role: 'a', aloneMs: 0, call: { function: 'f', args: [1, -1] } } };
  t.equal(contradictionIn([hold('a'), proveHeld, called, { release: 'all' }], 2), undefined);
  t.throws(() => ChoreographySchema.parse([{ fire: { role: 'a', itself: true, call: { function: 'f' } } }]));
  t.throws(() => ChoreographySchema.parse([{ call: { role: 'a', function: 'f', args: ['12'] } }]));
  const with64 = (value: number | string) =>
    ChoreographySchema.safeParse([{ call: { role: 'a', function: 'f', args: [value] } }]);
  t.match(with64(2 ** 62).error?.message, /one of 2\^53 or more needs quotes/);
  t.equal(with64('0x4000000000000000').success, true);
  t.equal(with64(2 ** 53 - 1).success, true, 'near miss');
  t.throws(() =>
    ChoreographySchema.parse([{ call: { role: 'a', function: 'f', args: [1, 2, 3, 4, 5, 6, 7] } }]),
  );
});

t.test('each contradiction is named with its step', async (t) => {
  const cases: [string, Step[], number, RegExp][] = [
    [
      'an interrupt for an unbound role',
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
    [
      'steps after a time',
      [{ run: { as: 'a', forMs: 5, thenStep: 1 } }],
      2,
      /^step 1: "thenStep" counts from a place/,
    ],
    [
      'steps from wherever it stays',
      [{ run: { as: 'a', to: 'panic', orElse: 'stay', thenStep: 1 } }],
      2,
      /^step 1: "thenStep" counts from a place/,
    ],
    [
      'over a call, from nowhere',
      [{ run: { as: 'a', forMs: 5, thenOver: 'call' } }],
      2,
      /^step 1: "thenOver" continues from the call at "to"/,
    ],
    [
      'tracing one that runs',
      [{ trace: { role: 'a', into: [], from: [], most: 1 } }],
      2,
      /^step 1: role "a" is not held/,
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
    [
      'a stimulus that is not complete',
      [{ stimulate: { script: 'cat x \\' } }],
      2,
      /^step 1: the script of the stimulus ends in a backslash/,
    ],
    [
      'a stimulus without a command',
      [{ stimulate: { script: '# later' } }],
      2,
      /^step 1: the script of the stimulus has no command/,
    ],
    ['a stimulus while one is held', [hold('a'), { stimulate: { script: 'x' } }], 2, /^step 2: a stimulus/],
    ['run without an end', [{ run: { as: 'a' } }], 2, /^step 1: run needs "to", "forMs" or "thenStep"/],
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
    [
      'a call of a role that runs',
      [hold('a'), { release: 'a' }, { call: { role: 'a', function: 'f', args: [] } }],
      2,
      /^step 3: role "a" is not held/,
    ],
    [
      'firing what is in a call that does not return',
      [hold('a'), proveHeld, sendForEver('a'), fire('a')],
      2,
      /^step 4: role "a" is in a call that does not return/,
    ],
    [
      'a call that does not return and never runs',
      [hold('a'), hold('b'), proveHeld, fire('a'), sendForEver('b'), { release: 'a' }],
      3,
      /^step 5: role "b" is sent into a call and never released/,
    ],
    ['only a call', [hold('a'), proveHeld, sendForEver('a'), { release: 'all' }], 2, /never fires/],
    ['nothing proved', [hold('a'), fire('a'), { release: 'all' }], 2, /proves nothing/],
  ];
  for (const [what, steps, cpus, wanted] of cases) t.match(contradictionIn(steps, cpus), wanted, what);
});

t.test('a recording, and arguments taken from other vCPUs, need their vCPUs held', async (t) => {
  const record: Step = { record: { role: 'crasher', at: ['_raw_spin_lock'], to: 'machine_kexec', most: 9 } };
  const take: Step = {
    call: {
      role: 'holder',
      function: '_raw_spin_trylock',
      args: [{ register: 'rdi', of: 'crasher' }],
      returns: 1,
    },
  };
  const holder: Step = { hold: { as: 'holder', at: 'sysvec_apic_timer_interrupt' } };
  const crasher: Step = { run: { as: 'crasher', to: 'f' } };
  const end: Step[] = [proveHeld, fire('crasher'), { release: 'all' }];
  t.equal(contradictionIn([holder, crasher, take, record, ...end], 2), undefined);
  t.equal(contradictionIn([holder, take, crasher, ...end], 2), 'step 2: role "crasher" is not held');
  t.equal(contradictionIn([holder, record, crasher, ...end], 2), 'step 2: role "crasher" is not held');
  const recorded: Step[] = [crasher, fire('crasher'), record, proveHeld, { release: 'all' }];
  t.equal(contradictionIn(recorded, 1), undefined, 'it brings its vCPU to a place on the crash path');
  const recordsAt = (at: Location[]) =>
    contradictionIn([holder, crasher, { record: { role: 'crasher', at, to: 'panic', most: 9 } }, ...end], 2);
  t.match(recordsAt(['down', 'panic']), /^step 3: "to" is one of the places "at"/);
  t.match(
    recordsAt([
      { in: 'f', offset: 4 },
      { in: 'f', offset: 4 },
    ]),
    /^step 3: a place of "at" is there twice/,
  );
  t.equal(
    recordsAt([
      { in: 'panic', offset: 4 },
      { in: 'panic', offset: 8 },
    ]),
    undefined,
    'near it',
  );
  t.notOk(
    ChoreographySchema.safeParse([{ record: { role: 'a', at: ['b', 'c', 'd', 'e'], to: 'f' } }]).success,
  );
});
