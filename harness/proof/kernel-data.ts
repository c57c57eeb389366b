import { findSymbol } from '../symbols/find-symbol.js';
import type { MachineWitness } from './witness.js';

/** Bytes of a kernel variable; or what was seen instead, with the statement that failed. */
export type DataSeen = { readonly bytes: Uint8Array } | { readonly saw: string; readonly what?: string };

/**
 * Reads a variable of the running kernel: the first of several names that exists. A name that is missing, ambiguous or
 * per-CPU is not read: a guess would prove nothing.
 */
export async function readData(
  wanted: string | readonly string[],
  { offset, length }: { readonly offset: number; readonly length: number },
  witness: MachineWitness,
): Promise<DataSeen> {
  const seen = await witness.withKernel(async (kernel): Promise<DataSeen> => {
    const { symbols } = kernel;
    const symbol = findSymbol(wanted, 'data', symbols);
    if ('saw' in symbol) return symbol;
    const size = symbols.at(symbol.address)?.size ?? 0;
    if (offset + length > size) {
      const place = `${length} bytes at +0x${offset.toString(16)}`;
      return { saw: `${symbol.name} is 0x${size.toString(16)} long at most: ${place} reach beyond it` };
    }
    const bytes = await kernel.read(symbol.address + BigInt(offset), length);
    return bytes === undefined ? { saw: 'its memory cannot be read' } : { bytes };
  });
  return 'hidden' in seen ? { saw: seen.hidden } : seen;
}
