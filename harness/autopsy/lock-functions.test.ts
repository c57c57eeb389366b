import t from 'tap';
import { LOCK_FUNCTIONS } from '../sweep/crash-locks/lock-functions.js';
import { LOCK_FUNCTION, lockEffectOf, takesBy } from './lock-functions.js';

t.test('the functions whose calls a sweep records take locks for the autopsy as well', async (t) => {
  for (const { name, how, kind } of LOCK_FUNCTIONS) {
    const effect = lockEffectOf(name);
    t.ok(effect === 'takes' || effect === 'tries', `${name}: ${effect}`);
    if (how === 'trylock') t.equal(effect, 'tries', name);
    if (how === 'lock' && /spin|rwlock/.test(kind)) t.match(name, LOCK_FUNCTION);
  }
});

t.test('whether a call took the lock, by its result', async (t) => {
  for (const [name, returned, taken] of [
    ['_raw_spin_trylock', 1n, true],
    ['_raw_spin_trylock', 0n, false],
    ['mutex_trylock', 1n, true],
    ['down_trylock', 0n, true],
    ['down_trylock', 1n, false],
    ['mutex_lock_interruptible', 0n, true],
    ['mutex_lock_interruptible', 0xffff_fffcn, false],
    ['_raw_spin_lock', 0x1234n, true],
    ['_raw_spin_unlock', 1n, false],
    ['__raise_softirq_irqoff', 1n, false],
  ] as const)
    t.equal(takesBy(name, returned), taken, `${name} = ${returned}`);
});

t.test('what gives a lock back, and what has only a similar name, takes none', async (t) => {
  t.equal(lockEffectOf('_raw_spin_unlock_irqrestore'), 'gives');
  t.equal(lockEffectOf('up'), 'gives');
  t.equal(lockEffectOf('downgrade_write'), 'none');
  t.equal(lockEffectOf('spin_lock_table_init'), 'none');
});
