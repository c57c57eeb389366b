import { nameSymbol, indexSymbols, type SymbolizedAddress } from './symbolize.js';
import { type KernelSymbol, sortOf, type SymbolSort } from './symbol.js';
import { baseName, nearestOf } from './names.js';

/** Of {@link SymbolTable.nearest}. */
export interface NearestOptions {
  /** Default 5. */
  readonly count?: number;
  /** Names of functions (the default) or of data. */
  readonly sort?: 'text' | 'data';
}

/** The names of one running kernel. Every answer is in order of address. */
export interface SymbolTable {
  /** Number of symbols kept. */
  readonly size: number;
  /** All symbols, in the order of the text. */
  all(): readonly KernelSymbol[];
  /** All symbols of exactly this name: several static functions may share one. */
  named(name: string): readonly KernelSymbol[];
  /**
   * All symbols that are this name or a compiler-generated copy or part of it (`.cold`, `.isra.0`, `.constprop.0`,
   * ...).
   */
  related(name: string): readonly KernelSymbol[];
  /** The symbol that covers an address, or undefined when none does. */
  at(address: bigint): SymbolizedAddress | undefined;
  /** `symbol+0xoffset/0xsize [module]`, as the kernel prints it, or the bare address. */
  label(address: bigint): string;
  /** Up to `count` existing names of a sort that are similar to a name that does not exist, the likeliest first. */
  nearest(name: string, options?: NearestOptions): readonly string[];
}

/**
 * The outcome of parsing. `hidden`: every address is zero, because the reader lacked the privilege
 * (kernel.kptr_restrict, see Documentation/admin-guide/sysctl/kernel.rst). `empty`: no kernel address in it. `badLines`
 * counts lines that are no symbol, among them a last line without newline: it may be cut.
 */
export type KallsymsResult =
  | {
      readonly kind: 'symbols';
      readonly table: SymbolTable;
      readonly badLines: number;
      readonly truncated: boolean;
    }
  | { readonly kind: 'hidden'; readonly symbols: number; readonly badLines: number }
  | { readonly kind: 'empty'; readonly badLines: number };

/** Symbols kept of one text; a distribution kernel with its modules has 100,000 to 250,000. */
export const MAX_SYMBOLS = 1_000_000;
/** KSYM_NAME_LEN is 512 since Linux 6.1 (128 before); the address, the letter and a module name come on top. */
const MAX_LINE = 640;
/** Addresses below are user space, or offsets into the per-CPU area. */
const FIRST_KERNEL_ADDRESS = 0xffff_8000_0000_0000n;

const LINE = /^([0-9a-f]{16}|[0-9a-f]{8}) ([A-Za-z?-]) ([!-~]{1,512})(?:[\t ]+\[([!-Z\\^-~]{1,64})\])?$/;

/**
 * Parses the text of /proc/kallsyms (or System.map: the same columns). Hostile input is tolerated: a line that is
 * not a symbol is counted, and at most `maxSymbols` symbols are kept (then `truncated`).
 */
export function parseKallsyms(text: string, maxSymbols = MAX_SYMBOLS): KallsymsResult {
  const symbols: KernelSymbol[] = [];
  let badLines = 0;
  let seenAddress = false;
  let truncated = false;
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    if (end < 0) {
      badLines += 1;
      break;
    }
    const match = end - start > MAX_LINE ? null : LINE.exec(text.slice(start, end));
    start = end + 1;
    if (match === null) {
      badLines += 1;
      continue;
    }
    if (symbols.length >= maxSymbols) {
      truncated = true;
      break;
    }
    const symbol = readSymbol(match);
    if (symbol.address >= FIRST_KERNEL_ADDRESS) seenAddress = true;
    symbols.push(symbol);
  }
  if (!seenAddress) {
    const hidden = symbols.length > 0 && symbols.every((symbol) => symbol.address === 0n);
    return hidden ? { kind: 'hidden', symbols: symbols.length, badLines } : { kind: 'empty', badLines };
  }
  return { kind: 'symbols', table: symbolTableOf(symbols), badLines, truncated };
}

/**
 * Variables are code by their letter in some kernels: Debian's 7.2.13 has `t console_sem` and `T jiffies` (measured). What
 * lies between _sdata and _edata is data (include/asm-generic/sections.h).
 */
function dataAsData(symbols: readonly KernelSymbol[]): readonly KernelSymbol[] {
  const border = (name: string) => symbols.find((symbol) => symbol.name === name)?.address;
  const [first, end] = [border('_sdata'), border('_edata')];
  if (first === undefined || end === undefined) return symbols;
  return symbols.map((symbol) => {
    const isData = symbol.address >= first && symbol.address < end;
    if (!isData || symbol.module !== undefined || sortOf(symbol) !== 'text') return symbol;
    return { ...symbol, type: symbol.type === symbol.type.toUpperCase() ? 'D' : 'd' };
  });
}

function readSymbol(match: RegExpExecArray): KernelSymbol {
  const [, digits = '0', type = '?', name = '', module] = match;
  const address = BigInt(`0x${digits}`);
  return module === undefined ? { address, type, name } : { address, type, name, module };
}

/** A table of symbols in any order; those below the kernel's addresses have names only. */
export function symbolTableOf(given: readonly KernelSymbol[]): SymbolTable {
  const symbols = dataAsData(given);
  const byName = new Map<string, KernelSymbol[]>();
  for (const symbol of symbols) {
    const sameName = byName.get(symbol.name);
    if (sameName === undefined) byName.set(symbol.name, [symbol]);
    else sameName.push(symbol);
  }
  const index = indexSymbols(symbols.filter((symbol) => symbol.address >= FIRST_KERNEL_ADDRESS));
  let byBase: Map<string, KernelSymbol[]> | undefined;
  return {
    size: symbols.length,
    all: () => symbols,
    named: (name) => byName.get(name) ?? [],
    related: (name) => {
      byBase ??= groupByBase(symbols);
      return byBase.get(baseName(name)) ?? [];
    },
    at: (address) => index.at(address),
    label: (address) => nameSymbol(index.at(address), address),
    nearest: (name, { count = 5, sort = 'text' } = {}) => nearestOf(name, namesOfSort(byName, sort), count),
  };
}

function groupByBase(symbols: readonly KernelSymbol[]): Map<string, KernelSymbol[]> {
  const groups = new Map<string, KernelSymbol[]>();
  for (const symbol of symbols) {
    const base = baseName(symbol.name);
    const group = groups.get(base);
    if (group === undefined) groups.set(base, [symbol]);
    else group.push(symbol);
  }
  return groups;
}

function* namesOfSort(
  byName: ReadonlyMap<string, readonly KernelSymbol[]>,
  sort: SymbolSort,
): Generator<string> {
  for (const [name, symbols] of byName) if (symbols.some((symbol) => sortOf(symbol) === sort)) yield name;
}
