import t from 'tap';
import { symbolsOf } from '../testing/fakes/witness.js';
import { functionNamed } from './code-location.js';
import { NotReached } from './not-reached.js';

/** Lines as Debian's 6.1.0-56 has them, shortened; `type_show` is one of its many static functions of one name. */
const TABLE = symbolsOf(
  [
    'ffffffff81000000 t type_show',
    'ffffffff81000100 t type_show',
    'ffffffff81000200 t mask_ioapic_irq',
    'ffffffff81000300 D ioapic_lock',
    'ffffffff81000400 d cache_lock',
    'ffffffff81000500 d cache_lock',
    'ffffffff81000600 d panic',
    'ffffffff81000700 T panic',
    '',
  ].join('\n'),
);

t.test('the first name that the kernel has, of the right sort', async (t) => {
  t.equal(functionNamed(['mask_IO_APIC_irq', 'mask_ioapic_irq'], TABLE).address, 0xffffffff81000200n);
  t.equal(functionNamed('panic', TABLE).address, 0xffffffff81000700n, 'not the variable');
});

/** The `saw` of a lookup that failed. */
function missed(lookUp: () => unknown): string {
  try {
    lookUp();
  } catch (error) {
    if (error instanceof NotReached) return error.saw;
    throw error;
  }
  return 'it was found';
}

t.test('a name that is not there is reported with its neighbours of the same sort', async (t) => {
  t.match(
    missed(() => functionNamed('ioapic_locks', TABLE)),
    /nearest: none$/,
  );
  t.match(
    missed(() => functionNamed('ioapic_lock', TABLE)),
    /has none/,
    'a variable is no function',
  );
});

t.test('a name that several symbols have is refused, not guessed', async (t) => {
  t.equal(
    missed(() => functionNamed('type_show', TABLE)),
    'this kernel has 2 of the name type_show',
  );
});
