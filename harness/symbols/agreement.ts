import type { ImageSymbols } from './kallsyms-image.js';
import type { SymbolTable } from './kallsyms.js';
import { sortOf } from './symbol.js';

/** Whether symbols of a file are those of a kernel in memory. */
export type Agreement =
  /** All functions differ by this offset: KASLR's. */
  | { readonly kind: 'same'; readonly offset: bigint; readonly compared: number }
  /** `name` is where another function says otherwise; undefined when there are too few common ones. */
  | { readonly kind: 'other'; readonly name: string | undefined };

/** Fewer common functions show nothing. */
const LEAST_COMMON = 100;

/**
 * Compares symbols of a file with a kernel's own: KASLR moves the image as one piece, so that every function whose name
 * is unique differs by the same offset when they are of the same build.
 */
export function compareSymbols(given: SymbolTable, own: ImageSymbols): Agreement {
  let offset: bigint | undefined;
  let compared = 0;
  for (const symbol of own.symbols) {
    if (sortOf(symbol) !== 'text' || own.table.named(symbol.name).length !== 1) continue;
    const [there, another] = given.named(symbol.name).filter(({ module }) => module === undefined);
    if (there === undefined || another !== undefined) continue;
    const differs = symbol.address - there.address;
    offset ??= differs;
    if (differs !== offset) return { kind: 'other', name: symbol.name };
    compared += 1;
  }
  if (offset === undefined || compared < LEAST_COMMON) return { kind: 'other', name: undefined };
  return { kind: 'same', offset, compared };
}
