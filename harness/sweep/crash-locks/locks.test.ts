import t from 'tap';
import { madeCall, madeRecorded, STOCK_FACTS } from '../../testing/builders/recorded-calls.js';
import { crashLocks, missingFunctions } from './locks.js';

const locksOf = (...facts: Parameters<typeof crashLocks>[0][number]['facts']) =>
  crashLocks([{ facts, crasher: 0 }]);
const allocated = (from: string, argument: string, count = 1) =>
  madeCall({ at: '_raw_spin_lock', from: `${from}+0x10/0x80`, argument, count });

t.test('each lock once, with every place that takes it, before and after the shootdown', async (t) => {
  const locks = locksOf(...STOCK_FACTS);
  t.strictSame(
    locks.map(({ name, kind, sites }) => [
      name,
      kind,
      sites.map(({ from, how, phase, count }) => [from, how, phase, count]),
    ]),
    [
      [
        'console_sem',
        'spinlock',
        [
          ['down_trylock+0xf/0x2e', 'lock', 'before the shootdown', 33],
          ['up+0x25/0x69', 'lock', 'before the shootdown', 33],
        ],
      ],
      [
        'serial8250_ports',
        'spinlock',
        [['serial8250_console_write+0x43/0x31d', 'trylock', 'before the shootdown', 32]],
      ],
      ['ioapic_lock', 'spinlock', [['ioapic_read_entry+0x19/0x43', 'lock', 'after the shootdown', 54]]],
    ],
  );
});

t.test('a semaphore and its own spinlock are two locks at one address', async (t) => {
  const data = { symbol: 'console_sem', offset: 0 };
  const locks = locksOf(
    madeRecorded('machine_kexec', [
      madeCall({ at: '_raw_spin_lock_irqsave', data }),
      madeCall({ at: 'down_trylock', data, from: 'console_trylock+0x9/0x40' }),
    ]),
  );
  t.strictSame(
    locks.map(({ name, kind }) => [name, kind]),
    [
      ['console_sem', 'spinlock'],
      ['console_sem', 'semaphore'],
    ],
  );
});

t.test('per-CPU locks belong to the panicking CPU or to another one, whatever its number', async (t) => {
  const of = (cpu: number) =>
    madeCall({ at: '_raw_spin_lock', data: { symbol: 'runqueues', offset: 8, cpu } });
  const fact = madeRecorded('nmi_shootdown_cpus', [of(1), of(0), of(3)]);
  const locks = crashLocks([{ facts: [fact], crasher: 1 }]);
  t.match(locks, [
    { name: 'runqueues+0x8 of the panicking CPU', data: { symbol: 'runqueues', offset: 8, of: 'panicking' } },
    { name: 'runqueues+0x8 of another CPU', data: { of: 'other' } },
  ]);
  t.equal(locks.length, 2);
});

t.test('an allocated lock is one lock by its address, and in another run by its place', async (t) => {
  const first = madeRecorded('machine_kexec', [
    allocated('get_signal', '0xffff888003a41000', 2),
    allocated('put_signal', '0xffff888003a41000'),
    allocated('get_signal', '0xffff888003a42000'),
  ]);
  const second = madeRecorded('machine_kexec', [allocated('get_signal', '0xffff888005555000')]);
  const locks = crashLocks([
    { facts: [first], crasher: 0 },
    { facts: [second], crasher: 0 },
  ]);
  t.strictSame(
    locks.map(({ name, data, addresses, sites }) => [
      name,
      data,
      addresses,
      sites.map(({ from, count }) => `${from} ${count}`),
    ]),
    [['allocated, taken in get_signal', undefined, 2, ['get_signal+0x10/0x80 4', 'put_signal+0x10/0x80 1']]],
    'several locks that one place takes are counted, as of one run',
  );
});

t.test('two places of one function may take two locks: neither speaks for the other', async (t) => {
  const at = (from: string, argument: string) => madeCall({ at: '_raw_spin_lock', from, argument });
  const namesOf = (...calls: Parameters<typeof madeRecorded>[1]) =>
    locksOf(madeRecorded('machine_kexec', calls)).map(({ name, addresses }) => [name, addresses]);
  t.strictSame(
    namesOf(at('f.isra.0+0x10/0x80', '0xffff888003a41000'), at('f.isra.0+0x40/0x80', '0xffff888003a42000')),
    [
      ['allocated, taken in f', undefined],
      ['allocated, taken in f, place 2', undefined],
    ],
    'names of copies are those of the source, which other kernels have as well',
  );
  t.strictSame(namesOf(at('f+0x10/0x80', '0xffff888003a41000'), at('f+0x40/0x80', '0xffff888003a41000')), [
    ['allocated, taken in f', undefined],
  ]);
  t.strictSame(namesOf(at('0xffffffffc0123456', '0xffff888003a41000')), [
    ['allocated, taken in code without a symbol', undefined],
  ]);
});

t.test('the context of a place', async (t) => {
  const at = { at: '_raw_spin_lock', data: { symbol: 'lock', offset: 0 } };
  const [lock] = locksOf(
    madeRecorded('machine_kexec', [
      madeCall({ ...at, interrupts: true }),
      madeCall({ ...at, stack: ['panic', 'nmi_panic', 'default_do_nmi', 'exc_nmi'] }),
    ]),
  );
  t.match(lock?.sites, [{ interrupts: true, inNmi: true, count: 2 }]);
  t.match(locksOf(madeRecorded('x', [madeCall({ ...at, stack: ['nmi_cpu_backtrace'] })]))[0]?.sites, [
    { inNmi: false },
  ]);
});

t.test('what is no lock function, and what the kernel does not have', async (t) => {
  t.strictSame(locksOf(madeRecorded('machine_kexec', [madeCall({ at: '_raw_spin_unlock' })])), []);
  const facts = [
    madeRecorded('x', [], { missing: ['find the function rt_spin_lock', 'find the function foo'] }),
  ];
  t.strictSame(missingFunctions([{ facts, crasher: 0 }]), ['rt_spin_lock']);
});
