/** What a symbol is, by its nm letter: code, data, an absolute number (per-CPU offsets are such), or none of these. */
export type SymbolSort = 'text' | 'data' | 'absolute' | 'other';

/** One line of /proc/kallsyms. `module` is absent for the kernel image itself. */
export interface KernelSymbol {
  readonly address: bigint;
  /** The nm letter: lower case is local (static), upper case global. */
  readonly type: string;
  readonly name: string;
  readonly module?: string;
}

/** Sorts a symbol by its nm letter. Weak functions are `w`/`W`, weak objects `v`/`V` (nm(1)). */
export function sortOf(symbol: KernelSymbol): SymbolSort {
  if (/[tTwW]/.test(symbol.type)) return 'text';
  if (/[bBdDrRvVgGsS]/.test(symbol.type)) return 'data';
  return /[aA]/.test(symbol.type) ? 'absolute' : 'other';
}
