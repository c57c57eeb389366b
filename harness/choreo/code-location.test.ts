import t from 'tap';
import { SIMILAR_SYMBOLS as TABLE } from '../testing/builders/similar-symbols.js';
import { functionNamed } from './code-location.js';
import { NotReached } from './not-reached.js';

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
