import type { SymbolTable } from './kallsyms.js';
import { nameSymbol } from './symbolize.js';
import type { KernelSymbol } from './symbol.js';

/**
 * KASLR moves the kernel image as one piece (arch/x86/boot/compressed/kaslr.c, v6.1): between two boots of the same
 * image all its symbols differ by one offset. So a /proc/kallsyms that was read once serves later boots.
 */

/** The kernel image's mapping: 1 GiB from __START_KERNEL_map (Documentation/x86/x86_64/mm.rst). */
const IMAGE_FIRST = 0xffffffff80000000n;
const IMAGE_LAST = 0xffffffffbfffffffn;

/** Symbols spread over the image: one offset for all of them shows that it moved as one piece. */
export const PROBE_SYMBOLS = ['_text', 'panic', '_etext', 'linux_banner', 'init_uts_ns', '_end'] as const;
/** Symbols of text and data that VMCOREINFO has (kernel/crash_core.c, arch/x86/kernel/crash_core_64.c, v6.1). */
export const VMCOREINFO_SYMBOLS = ['_stext', 'init_uts_ns', 'init_top_pgt', 'prb', 'vmap_area_list'] as const;
const KNOWN: ReadonlySet<string> = new Set([...PROBE_SYMBOLS, ...VMCOREINFO_SYMBOLS]);

/** The lines of a kallsyms text that belong to the image: module addresses change with each boot. */
export function withoutModules(text: string): string {
  return text.replace(/^.*\t\[.*\]\n/gm, '');
}

/**
 * Moves a kallsyms text of an earlier boot to this one. `probes` are this boot's lines of the probe symbols. Undefined
 * when fewer than three of them are known, or when their offsets differ: then the text must be read again.
 */
export function relocateKallsyms(text: string, probes: string): string | undefined {
  const earlier = addressesOf(text, KNOWN);
  const offsets: bigint[] = [];
  for (const [name, address] of addressesOf(probes, KNOWN)) {
    const before = earlier.get(name);
    if (before !== undefined) offsets.push(address - before);
  }
  const [offset] = offsets;
  if (offset === undefined || offsets.length < 3 || offsets.some((other) => other !== offset))
    return undefined;
  return text.replace(/^[0-9a-f]{16}(?= )/gm, (digits) => {
    const address = BigInt(`0x${digits}`);
    if (!inImage(address)) return digits;
    return (address + offset).toString(16).padStart(16, '0');
  });
}

function addressesOf(text: string, names: ReadonlySet<string>): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const [, digits = '', name = ''] of text.matchAll(/^([0-9a-f]{16}) \S (\w+)$/gm)) {
    if (names.has(name)) found.set(name, BigInt(`0x${digits}`));
  }
  return found;
}

/**
 * The names of another boot of the same image, `offset` bytes higher: of the capture kernel, when it is the same kernel
 * as the one that crashed. Modules are left out; offsets into the per-CPU area (before v6.15) do not move.
 */
export function movedSymbols(table: SymbolTable, offset: bigint): SymbolTable {
  const move = (symbol: KernelSymbol) => ({ ...symbol, address: symbol.address + offset });
  const moveAll = (symbols: readonly KernelSymbol[]) =>
    symbols.flatMap((symbol) =>
      inImage(symbol.address) ? [move(symbol)] : symbol.address < PER_CPU_END ? [symbol] : [],
    );
  const moved: SymbolTable = {
    size: table.size,
    all: () => moveAll(table.all()),
    named: (name) => moveAll(table.named(name)),
    related: (name) => moveAll(table.related(name)),
    at: (address) => {
      const found = inImage(address) ? table.at(address - offset) : undefined;
      if (found === undefined) return undefined;
      return { ...found, symbol: move(found.symbol), aliases: moveAll(found.aliases) };
    },
    label: (address) => nameSymbol(moved.at(address), address),
    nearest: (name, options) => table.nearest(name, options),
  };
  return moved;
}

/** Larger than any per-CPU area, lower than any address of the kernel. */
const PER_CPU_END = 0x1000_0000n;

function inImage(address: bigint): boolean {
  return address >= IMAGE_FIRST && address <= IMAGE_LAST;
}
