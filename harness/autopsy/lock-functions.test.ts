import t from 'tap';
import { LOCK_FUNCTIONS } from '../sweep/crash-locks/lock-functions.js';
import { LOCK_FUNCTION, lockEffectOf } from './lock-functions.js';

t.test('the functions whose calls a sweep records take locks for the autopsy as well', async (t) => {
  for (const { name, how, kind } of LOCK_FUNCTIONS) {
    const effect = lockEffectOf(name);
    t.ok(effect === 'takes' || effect === 'tries', `${name}: ${effect}`);
    if (how === 'trylock') t.equal(effect, 'tries', name);
    if (how === 'lock' && /spin|rwlock/.test(kind)) t.match(name, LOCK_FUNCTION);
  }
});

t.test('what gives a lock back, and what has only a similar name, takes none', async (t) => {
  t.equal(lockEffectOf('_raw_spin_unlock_irqrestore'), 'gives');
  t.equal(lockEffectOf('up'), 'gives');
  t.equal(lockEffectOf('downgrade_write'), 'none');
  t.equal(lockEffectOf('spin_lock_table_init'), 'none');
});
