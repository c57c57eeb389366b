import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { madeCall, madeRecorded, STOCK_FACTS } from '../../testing/builders/recorded-calls.js';
import { contradictionIn } from '../../trigger/check-choreography.js';
import { LOCK_FUNCTIONS, ROUNDS } from './lock-functions.js';
import { crashLocks, type CrashLock } from './locks.js';
import { APPROACHES, CONTEXTS } from './contexts.js';
import { holdName, holdOf, holdScenario } from './hold-script.js';
import { contextOf, firstLockScenario, recordName, recordScenario } from './record-script.js';
import { type Holder, type Setting } from './script.js';

/** As most sweeps. */
const SETTING: Setting = { context: 'hardirq', cpus: 2 };

const held = (lock: CrashLock, holder: Holder, given: Partial<Setting> = {}) =>
  holdScenario(lock, 0, { holder, ...SETTING, ...given });

const LOCKS = crashLocks([{ facts: STOCK_FACTS, crasher: 0 }]);

function lockOf(name: string): CrashLock {
  const lock = LOCKS.find((one) => one.name === name);
  if (lock === undefined) throw new Error(`no lock ${name}`);
  return lock;
}

function stepsOf(scenario: ReturnType<typeof holdScenario>) {
  if (typeof scenario === 'string' || scenario.trigger.kind !== 'choreography')
    throw new Error('no choreography');
  const { cpus = 2 } = scenario.guest;
  t.equal(contradictionIn(scenario.trigger.steps, cpus), undefined, scenario.summary);
  return scenario.trigger.steps;
}

t.test('every lock function is recorded once, three in a run, in both phases', async (t) => {
  const recorded = ROUNDS.flatMap((_, round) => {
    const records = stepsOf(recordScenario(round, SETTING)).flatMap((step) =>
      'record' in step ? [step.record] : [],
    );
    t.strictSame(
      records.map(({ to }) => to),
      ['nmi_shootdown_cpus', 'machine_kexec'],
    );
    t.strictSame(records[0]?.at, records[1]?.at);
    t.ok((records[0]?.at.length ?? 0) <= 3);
    return records[0]?.at ?? [];
  });
  t.strictSame(
    recorded,
    LOCK_FUNCTIONS.map(({ name }) => name),
  );
});

t.test('with pstore, ramoops has memory of its own, and that it keeps the log is proved', async (t) => {
  const kept = held(lockOf('ioapic_lock'), 'another', { pstore: true });
  if (typeof kept === 'string') throw new Error(kept);
  t.match(kept, {
    guest: { modules: ['ramoops'], append: 'memmap=0x100000$0x10000000' },
    prepare: [{ script: /rmmod ramoops && insmod .* mem_address=0x10000000 mem_size=0x100000/ }],
    prove: [{ read: { path: '/sys/module/pstore/parameters/backend', equals: 'ramoops' } }],
  });
  t.match(
    held(lockOf('ioapic_lock'), 'another'),
    { guest: { cpus: 2 }, prepare: [], prove: [] },
    'near miss',
  );
});

t.test('a lock that is taken after the shootdown is held by the CPU that is stopped', async (t) => {
  const steps = stepsOf(held(lockOf('ioapic_lock'), 'another'));
  const fired = steps.findIndex((step) => 'fire' in step);
  const taken = steps.findIndex((step) => 'call' in step);
  t.ok(fired < taken, 'its owner would have given it back before');
  t.match(steps[taken], {
    call: { role: 'other', function: '_raw_spin_trylock', args: [{ addressOf: 'ioapic_lock' }], returns: 1 },
  });
  t.match(steps.slice(taken + 1), [
    { run: { as: 'crasher', to: '__const_udelay' } },
    { prove: { role: 'crasher', stackHas: 'nmi_shootdown_cpus' } },
    { release: 'all' },
  ]);
});

t.test('one that is taken before the shootdown alone is held by the panicking CPU alone', async (t) => {
  t.equal(held(lockOf('console_sem'), 'another'), 'not taken');
  const steps = stepsOf(held(lockOf('console_sem'), 'itself'));
  const taken = steps.findIndex((step) => 'call' in step);
  t.match(steps[taken], { call: { role: 'crasher' } });
  t.ok(taken < steps.findIndex((step) => 'fire' in step), 'before it panics');
});

t.test('other kinds of locks are taken by functions of their own', async (t) => {
  const of = (at: string) =>
    crashLocks([
      {
        facts: [madeRecorded('machine_kexec', [madeCall({ at, data: { symbol: 'x', offset: 16 } })])],
        crasher: 0,
      },
    ])[0];
  for (const [at, taker, returns] of [
    ['mutex_lock', 'mutex_trylock', 1],
    ['down_trylock', 'down_trylock', 0],
    ['_raw_read_lock', '_raw_write_trylock', 1],
    ['down_read', 'down_write_trylock', 1],
  ] as const) {
    const lock = of(at);
    if (lock === undefined) throw new Error(at);
    t.match(
      stepsOf(held(lock, 'another')).find((step) => 'call' in step),
      { call: { function: taker, args: [{ addressOf: 'x', offset: 16 }], returns } },
    );
  }
});

t.test('an allocated lock is taken where the crash path is about to take it', async (t) => {
  const facts = [
    madeRecorded('machine_kexec', [madeCall({ at: '_raw_spin_lock', from: 'get_signal+0x15/0x80' })]),
  ];
  const [lock] = crashLocks([{ facts, crasher: 0 }]);
  if (lock === undefined) throw new Error('no lock');
  const steps = stepsOf(held(lock, 'another'));
  t.match(steps.slice(-4), [
    { run: { as: 'crasher', to: { in: 'get_signal', offset: 0x10 }, thenStep: 1 } },
    { prove: { role: 'crasher', in: '_raw_spin_lock' } },
    { call: { role: 'crasher', args: [{ register: 'rdi', of: 'crasher' }] } },
    { release: 'all' },
  ]);
});

t.test('a semaphore is held when it cannot be taken once more: it may be free for several', async (t) => {
  const data = { symbol: 'console_sem', offset: 0 };
  const of = (at: string) =>
    crashLocks([{ facts: [madeRecorded('x', [madeCall({ at, data })])], crasher: 0 }])[0];
  const results = (at: string) => {
    const lock = of(at);
    if (lock === undefined) throw new Error('no lock');
    return stepsOf(held(lock, 'itself')).flatMap((step) => ('call' in step ? [step.call.returns] : []));
  };
  t.strictSame(results('down_trylock'), [0, 1]);
  t.strictSame(results('_raw_spin_lock'), [1]);
});

t.test('names lead back to the lock, its holder and the context', async (t) => {
  for (const context of CONTEXTS) {
    t.strictSame(holdOf(holdName(7, { holder: 'another', context })), { index: 7, holder: 'another' });
    t.equal(holdOf(recordName(0, { context })), undefined);
    t.equal(contextOf(firstLockScenario({ context, cpus: 4 }).name), context);
    t.equal(contextOf(holdName(0, { holder: 'itself', context })), undefined);
  }
  t.strictSame(holdOf(holdName(1000, { holder: 'itself', ...SETTING })), { index: 1000, holder: 'itself' });
  t.equal(recordName(0, SETTING), 'crash-locks-record-1', 'stored sweeps can be resumed');
  t.equal(holdOf('nmi-transition-0007'), undefined);
});

t.test('every context is proved, in recordings and in runs with a lock held', async (t) => {
  const proofs = {
    task: [{ in: '__x64_sys_openat' }, { interrupts: 'on' }, { stackHas: 'do_syscall_64' }],
    softirq: [{ interrupts: 'on' }, { stackHas: ['__do_softirq', 'handle_softirqs'] }],
    hardirq: [{ interrupts: 'off' }],
    nmi: [{ in: 'nmi_panic' }, { interrupts: 'off' }, { stackHas: 'exc_nmi' }],
  } as const;
  for (const context of CONTEXTS) {
    for (const scenario of [
      recordScenario(0, { context, cpus: 2 }),
      held(lockOf('ioapic_lock'), 'another', { context }),
      held(lockOf('ioapic_lock'), 'itself', { context }),
    ]) {
      const steps = stepsOf(scenario);
      const fired = steps.findIndex((step) => 'fire' in step);
      const before = steps.slice(0, fired).flatMap((step) => ('prove' in step ? [step.prove] : []));
      for (const proof of proofs[context])
        t.ok(
          before.some((one) => isDeepStrictEqual(one, { role: 'crasher', ...proof })),
          `${context}: ${JSON.stringify(proof)}`,
        );
    }
  }
});

t.test(
  'interrupts are off when the recording begins, and when a lock is taken after the firing',
  async (t) => {
    for (const context of CONTEXTS) {
      const setting = { context, cpus: 2 };
      for (const scenario of [
        recordScenario(0, setting),
        held(lockOf('console_sem'), 'itself', { context }),
      ]) {
        const steps = stepsOf(scenario);
        const end = steps.findIndex(
          (step) => 'record' in step || ('call' in step && step.call.function === '_raw_spin_trylock'),
        );
        const flag = steps
          .slice(0, end)
          .flatMap((step) =>
            'prove' in step && 'interrupts' in step.prove && step.prove.role === 'crasher'
              ? [step.prove.interrupts]
              : [],
          );
        t.equal(flag.at(-1), 'off', context);
      }
    }
  },
);

t.test('nothing is called in NMI context: the lock is taken before the NMI comes', async (t) => {
  const steps = stepsOf(held(lockOf('ioapic_lock'), 'itself', { context: 'nmi' }));
  const taken = steps.findIndex((step) => 'call' in step);
  const sent = steps.findIndex((step) => 'interrupt' in step);
  t.ok(taken >= 0 && taken < sent);
  t.notOk(steps.slice(sent).some((step) => 'call' in step));
  t.match(recordScenario(0, { context: 'nmi', cpus: 2 }).prepare, [{ write: APPROACHES.nmi.sysctl }]);
});

t.test('an allocated lock that cannot be taken in NMI context is named', async (t) => {
  const of = (at: string) => {
    const facts = [madeRecorded('machine_kexec', [madeCall({ at, from: 'get_signal+0x15/0x80' })])];
    const [lock] = crashLocks([{ facts, crasher: 0 }]);
    if (lock === undefined) throw new Error('no lock');
    return lock;
  };
  for (const kind of ['mutex_lock', 'down', 'down_read', 'rt_spin_lock'])
    t.equal(held(of(kind), 'itself', { context: 'nmi' }), 'not in NMI', kind);
  for (const kind of ['_raw_spin_lock', '_raw_read_lock'])
    t.type(held(of(kind), 'itself', { context: 'nmi' }), 'object', kind);
  t.type(held(of('mutex_lock'), 'itself', { context: 'softirq' }), 'object', 'near miss');
});

t.test('with one CPU there is no other one: none is held, and none holds a lock', async (t) => {
  const one = { context: 'hardirq', cpus: 1 } as const;
  const recording = recordScenario(0, one);
  t.equal(recording.guest.cpus, 1);
  t.notOk(stepsOf(recording).some((step) => 'hold' in step));
  for (const name of ['ioapic_lock', 'console_sem']) {
    t.equal(held(lockOf(name), 'another', one), 'one CPU');
    t.type(held(lockOf(name), 'itself', one), 'object');
  }
});

t.test('with more, every other CPU is held in an interrupt, also in the largest guest', async (t) => {
  for (const cpus of [2, 4, 16]) {
    for (const context of CONTEXTS) {
      const setting = { context, cpus };
      const recording = stepsOf(recordScenario(0, setting));
      const cpusHeld = recording.flatMap((step) =>
        'hold' in step && step.hold.as !== 'crasher' ? [step.hold.on] : [],
      );
      t.strictSame(
        cpusHeld,
        Array.from({ length: cpus - 1 }, (_, index) => index + 1),
      );
      stepsOf(held(lockOf('ioapic_lock'), 'another', setting));
    }
  }
});

t.test('a shell begins on any CPU: it comes to its system call before the others are stopped', async (t) => {
  const steps = stepsOf(recordScenario(0, { context: 'task', cpus: 4 }));
  t.strictSame(
    steps.flatMap((step) => ('stimulate' in step ? ['stimulate'] : 'hold' in step ? [step.hold.as] : [])),
    ['stimulate', 'crasher', 'other', 'other-2', 'other-3'],
  );
});

t.test('the lock of another CPU is the one that was taken, whichever CPU has it', async (t) => {
  const of = (cpu: number) => {
    const data = { symbol: 'runqueues', offset: 8, cpu };
    const [lock] = crashLocks([
      { facts: [madeRecorded('machine_kexec', [madeCall({ at: '_raw_spin_lock', data })])], crasher: 0 },
    ]);
    if (lock === undefined) throw new Error('no lock');
    return lock;
  };
  for (const [cpu, role] of [
    [1, 'other'],
    [3, 'other-3'],
  ] as const) {
    const call = stepsOf(held(of(cpu), 'another', { cpus: 4 })).find((step) => 'call' in step);
    t.match(call, { call: { role: 'other', args: [{ addressOf: 'runqueues', offset: 8, of: role }] } });
  }
  t.equal(held(of(3), 'itself', { cpus: 2 }), 'no name', 'a CPU that the kernel did not start');
});

t.test('names come out of the guest: what a script cannot have is said, and nothing is thrown', async (t) => {
  const end = (call: Parameters<typeof madeCall>[0]) => {
    const facts = [madeRecorded('machine_kexec', [madeCall(call)])];
    const [lock] = crashLocks([{ facts, crasher: 0 }]);
    return lock === undefined ? 'no lock' : held(lock, 'another');
  };
  const at = '_raw_spin_lock';
  t.equal(end({ at, data: { symbol: 'a: [b', offset: 0 } }), 'no name');
  t.equal(end({ at, data: { symbol: 'log_buf', offset: 1 << 24 } }), 'no name', 'far into a buffer');
  t.equal(end({ at, from: '0xffffffffc0123456' }), 'no name', 'code without a symbol');
  t.equal(end({ at, from: 'f+0x2/0x10' }), 'no name', 'no call ends there');
  t.type(end({ at, from: 'f.isra.0+0x20/0x80 [module]' }), 'object');
});
