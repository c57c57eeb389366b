import type { SymbolTable } from './kallsyms.js';
import { type KernelSymbol, sortOf } from './symbol.js';

/** A symbol that could not be found: what was looked for and what was there instead, for people. */
export interface SymbolNotFound {
  readonly what: string;
  readonly saw: string;
}

/**
 * The first of several names that this kernel has as a function (`text`) or as a variable (`data`). Not found when it
 * has none, or several (static ones of the same name): a guess would prove nothing. Not found either when it is
 * per-CPU: its symbol is an address in the section as linked, and each CPU has a copy elsewhere.
 */
export function findSymbol(
  wanted: string | readonly string[],
  sort: 'text' | 'data',
  symbols: SymbolTable,
): KernelSymbol | SymbolNotFound {
  const asked = [wanted].flat();
  const noun = sort === 'text' ? 'function' : 'variable';
  const what = `find the ${noun} ${asked.join(' or ')}`;
  for (const name of asked) {
    const known = symbols.named(name);
    if (sort === 'data' && known.some((symbol) => isPerCpu(symbol, symbols))) {
      return { what, saw: `${name} is per-CPU: its symbol is an offset, not the address of a value` };
    }
    const found = known.filter((symbol) => sortOf(symbol) === sort);
    if (found.length > 1) return { what, saw: `this kernel has ${found.length} of the name ${name}` };
    if (found[0] !== undefined) return found[0];
  }
  const near = symbols.nearest(asked[0] ?? '', { sort });
  return { what, saw: `this kernel has none (inlined or renamed); nearest: ${near.join(', ') || 'none'}` };
}

/**
 * Whether a symbol is the linked copy of a per-CPU variable. That section begins at 0 where its symbols are absolute
 * (Debian 6.1.0-56), else inside the image.
 */
export function isPerCpu({ address }: Pick<KernelSymbol, 'address'>, symbols: SymbolTable): boolean {
  const [start] = symbols.named('__per_cpu_start');
  const [end] = symbols.named('__per_cpu_end');
  return start !== undefined && end !== undefined && address >= start.address && address < end.address;
}
