import t from 'tap';
import { madeCall, madeRecorded, STOCK_FACTS } from '../../testing/builders/recorded-calls.js';
import { contradictionIn } from '../../trigger/check-choreography.js';
import { LOCK_FUNCTIONS, ROUNDS } from './lock-functions.js';
import { crashLocks, type CrashLock } from './locks.js';
import { holdName, holdOf, holdScenario, recordScenario } from './script.js';

const LOCKS = crashLocks([{ facts: STOCK_FACTS, crasher: 0 }]);

function lockOf(name: string): CrashLock {
  const lock = LOCKS.find((one) => one.name === name);
  if (lock === undefined) throw new Error(`no lock ${name}`);
  return lock;
}

function stepsOf(scenario: ReturnType<typeof holdScenario>) {
  if (typeof scenario === 'string' || scenario.trigger.kind !== 'choreography')
    throw new Error('no choreography');
  t.equal(contradictionIn(scenario.trigger.steps, 2), undefined, scenario.summary);
  return scenario.trigger.steps;
}

t.test('every lock function is recorded once, three in a run, in both phases', async (t) => {
  const recorded = ROUNDS.flatMap((_, round) => {
    const records = stepsOf(recordScenario(round)).flatMap((step) => ('record' in step ? [step.record] : []));
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

t.test('a lock that is taken after the shootdown is held by the CPU that is stopped', async (t) => {
  const steps = stepsOf(holdScenario(lockOf('ioapic_lock'), 2, 'another'));
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
  t.equal(holdScenario(lockOf('console_sem'), 0, 'another'), 'not taken');
  const steps = stepsOf(holdScenario(lockOf('console_sem'), 0, 'itself'));
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
      stepsOf(holdScenario(lock, 0, 'another')).find((step) => 'call' in step),
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
  const steps = stepsOf(holdScenario(lock, 0, 'another'));
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
    return stepsOf(holdScenario(lock, 0, 'itself')).flatMap((step) =>
      'call' in step ? [step.call.returns] : [],
    );
  };
  t.strictSame(results('down_trylock'), [0, 1]);
  t.strictSame(results('_raw_spin_lock'), [1]);
});

t.test('names lead back to the lock and its holder', async (t) => {
  t.strictSame(holdOf(holdName(7, 'another')), { index: 7, holder: 'another' });
  t.strictSame(holdOf(holdName(1000, 'itself')), { index: 1000, holder: 'itself' });
  t.equal(holdOf('crash-locks-record-1'), undefined);
  t.equal(holdOf('nmi-transition-0007'), undefined);
});

t.test('names come out of the guest: what a script cannot have is said, and nothing is thrown', async (t) => {
  const end = (call: Parameters<typeof madeCall>[0]) => {
    const facts = [madeRecorded('machine_kexec', [madeCall(call)])];
    const [lock] = crashLocks([{ facts, crasher: 0 }]);
    return lock === undefined ? 'no lock' : holdScenario(lock, 0, 'another');
  };
  const at = '_raw_spin_lock';
  t.equal(end({ at, data: { symbol: 'a: [b', offset: 0 } }), 'no name');
  t.equal(end({ at, data: { symbol: 'log_buf', offset: 1 << 24 } }), 'no name', 'far into a buffer');
  t.equal(end({ at, from: '0xffffffffc0123456' }), 'no name', 'code without a symbol');
  t.equal(end({ at, from: 'f+0x2/0x10' }), 'no name', 'no call ends there');
  t.type(end({ at, from: 'f.isra.0+0x20/0x80 [module]' }), 'object');
});
