import { type KernelSymbol, sortOf } from './symbol.js';

/** An address resolved by the symbol table. */
export interface SymbolizedAddress {
  readonly symbol: KernelSymbol;
  /** Other symbols at the same address: section labels, aliases. */
  readonly aliases: readonly KernelSymbol[];
  /** Bytes from the symbol to the address. */
  readonly offset: number;
  /**
   * Upper bound of the symbol's length in bytes: up to the next symbol of any kind. kallsyms has no lengths, so
   * alignment padding is part of it; a symbol with no neighbour within the maximum gets the maximum.
   */
  readonly size: number;
}

/** Finds the symbol of an address by binary search. */
export interface SymbolIndex {
  at(address: bigint): SymbolizedAddress | undefined;
}

/**
 * The longest functions of Debian's 6.1.0-56 and 6.12.117 have 12,944 and 14,656 bytes (do_check_common, do_jit); this
 * leaves room for sanitizers. An address beyond it belongs to no known symbol: freed init memory, a module without
 * symbols, BPF.
 */
export const MAX_TEXT_SYMBOL_BYTES = 256 * 1024;
/** Static tables and buffers may be long: the printk ring of a CONFIG_LOG_BUF_SHIFT=25 kernel has 32 MiB. */
export const MAX_DATA_SYMBOL_BYTES = 64 * 1024 * 1024;

/** Names that linker scripts and assembly give to the borders of sections, not to functions or variables. */
const BORDER =
  /^(_s?text|_etext|_sinittext|_einittext|_s?data|_edata|_end|__(start|stop)_\w+|__\w+_(start|end|begin))$/;

/** Indexes symbols by address. The order of symbols that share an address stays as given. */
export function indexSymbols(symbols: readonly KernelSymbol[]): SymbolIndex {
  const sorted = symbols.toSorted(byAddress);
  const addresses = BigUint64Array.from(sorted, (symbol) => symbol.address);
  return {
    at: (address) => {
      const end = firstAbove(addresses, address);
      if (end === 0) return undefined;
      const base = addresses[end - 1] ?? 0n;
      let start = end - 1;
      while (start > 0 && addresses[start - 1] === base) start -= 1;
      return describe(sorted.slice(start, end), address, addresses[end]);
    },
  };
}

/** `name+0xoffset/0xsize [module]`, or the bare address when no symbol covers it. */
export function nameSymbol(found: SymbolizedAddress | undefined, address: bigint): string {
  if (found === undefined) return `0x${address.toString(16)}`;
  const { symbol, offset, size } = found;
  const module = symbol.module === undefined ? '' : ` [${symbol.module}]`;
  return `${symbol.name}+0x${offset.toString(16)}/0x${size.toString(16)}${module}`;
}

function describe(
  sharing: readonly KernelSymbol[],
  address: bigint,
  next: bigint | undefined,
): SymbolizedAddress | undefined {
  const symbol = sharing.find((candidate) => !BORDER.test(candidate.name)) ?? sharing[0];
  if (symbol === undefined) return undefined;
  const maximum = sortOf(symbol) === 'text' ? MAX_TEXT_SYMBOL_BYTES : MAX_DATA_SYMBOL_BYTES;
  const gap = next === undefined ? maximum : Number(next - symbol.address);
  const size = Math.min(gap, maximum);
  const offset = Number(address - symbol.address);
  if (offset >= size) return undefined;
  return { symbol, aliases: sharing.filter((other) => other !== symbol), offset, size };
}

function byAddress(left: KernelSymbol, right: KernelSymbol): number {
  return left.address < right.address ? -1 : left.address > right.address ? 1 : 0;
}

/** Index of the first element above `address`, or the length. */
function firstAbove(addresses: BigUint64Array, address: bigint): number {
  let low = 0;
  let high = addresses.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((addresses[middle] ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
