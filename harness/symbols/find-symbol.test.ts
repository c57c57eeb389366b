import t from 'tap';
import { symbolsOf } from '../testing/fakes/witness.js';
import { SIMILAR_SYMBOLS as TABLE } from '../testing/builders/similar-symbols.js';
import { findSymbol } from './find-symbol.js';

t.test('the first name that the kernel has, of the sort that is meant', async (t) => {
  t.match(findSymbol(['mask_IO_APIC_irq', 'mask_ioapic_irq'], 'text', TABLE), {
    address: 0xffffffff81000200n,
  });
  t.match(findSymbol('panic', 'text', TABLE), { address: 0xffffffff81000700n }, 'not the variable');
  t.match(findSymbol('panic', 'data', TABLE), { address: 0xffffffff81000600n }, 'not the function');
});

t.test('a name that is not there is reported with its neighbours of the same sort', async (t) => {
  t.strictSame(findSymbol('ioapic_locks', 'data', TABLE), {
    what: 'find the variable ioapic_locks',
    saw: 'this kernel has none (inlined or renamed); nearest: ioapic_lock',
  });
  t.match(findSymbol('ioapic_locks', 'text', TABLE), { saw: /nearest: none$/ });
  t.match(findSymbol('ioapic_lock', 'text', TABLE), { saw: /has none/ }, 'a variable is no function');
});

t.test('a name that several symbols have is refused, not guessed', async (t) => {
  t.match(findSymbol('type_show', 'text', TABLE), { saw: 'this kernel has 2 of the name type_show' });
  t.match(findSymbol(['gone_lock', 'cache_lock'], 'data', TABLE), { saw: /2 of the name cache_lock/ });
});

t.test('a per-CPU variable has no address of its own', async (t) => {
  for (const [start, end, symbol] of [
    ['0000000000000000 A', '0000000000034000 A', '000000000001fa40 A'],
    ['ffffffff83400000 D', 'ffffffff83434000 D', 'ffffffff83412340 D'],
  ]) {
    const table = symbolsOf(
      [
        `${start} __per_cpu_start`,
        `${symbol} current_task`,
        `${end} __per_cpu_end`,
        'ffffffff83434000 D next',
      ]
        .map((line) => `${line}\n`)
        .join(''),
    );
    t.match(findSymbol('current_task', 'data', table), { saw: /^current_task is per-CPU/ });
    t.match(findSymbol('next', 'data', table), { name: 'next' }, 'the first behind the section');
  }
});
