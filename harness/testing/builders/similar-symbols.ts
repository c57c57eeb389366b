import { symbolsOf } from '../fakes/witness.js';

/** Lines as Debian's 6.1.0-56 has them, shortened; `type_show` is one of its many static functions of one name. */
export const SIMILAR_SYMBOLS = symbolsOf(
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
