import t from 'tap';
import { parseKallsyms, type SymbolTable } from '../symbols/index.js';
import { functionNamed } from './code-location.js';
import { NotReached } from './not-reached.js';

/** Lines as Debian's 6.1.0-56 has them, shortened; `type_show` is one of its many static functions of one name. */
function table(): SymbolTable {
  const parsed = parseKallsyms(
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
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  return parsed.table;
}

t.test('the first name that the kernel has, of the right sort', async (t) => {
  t.equal(functionNamed(['mask_IO_APIC_irq', 'mask_ioapic_irq'], table()).address, 0xffffffff81000200n);
  t.equal(functionNamed('panic', table()).address, 0xffffffff81000700n, 'not the variable');
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
    missed(() => functionNamed('ioapic_locks', table())),
    /nearest: none$/,
  );
  t.match(
    missed(() => functionNamed('ioapic_lock', table())),
    /has none/,
    'a variable is no function',
  );
});

t.test('a name that several symbols have is refused, not guessed', async (t) => {
  t.equal(
    missed(() => functionNamed('type_show', table())),
    'this kernel has 2 of the name type_show',
  );
});
