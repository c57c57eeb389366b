import {
  findImageOffset,
  finishReadingAsync,
  fromPhysical,
  kernelTablesOf,
  movedSymbols,
  pagedMemory,
  type Reading,
  type SymbolTable,
  throughTables,
} from '../symbols/index.js';
import type { SeenTables } from '../timeline/tables-seen.js';
import { type Debugger, orUnreadable } from './debugger.js';

/** What is known of a kernel before it is looked for in memory. */
export interface KnownKernel {
  /** The symbols of any boot of the same image. */
  readonly symbols: SymbolTable;
  readonly release: string;
}

/** A kernel in the memory of a stopped machine. */
export interface FoundKernel {
  /** The symbols at this boot's addresses. */
  readonly symbols: SymbolTable;
  readonly release: string;
  /** Runs a reading of its virtual memory, through its page tables. */
  read<T>(reading: Reading<T>): Promise<T>;
}

/**
 * Finds a kernel in memory by page tables that it was seen on: the ones that map its image, proved by its banner. All
 * reads are physical, so that the crashed kernel is found as well when no vCPU runs it any more. Undefined when none of
 * the tables does. The machine must be stopped while the result is used.
 */
export async function findKernel(
  { symbols, release }: KnownKernel,
  { gdb, seen }: { readonly gdb: Pick<Debugger, 'readPhysicalMemory'>; readonly seen: readonly SeenTables[] },
): Promise<FoundKernel | undefined> {
  const physical = pagedMemory();
  const run = <T>(reading: Reading<T>) =>
    finishReadingAsync(reading, ({ address, length }) =>
      orUnreadable(gdb.readPhysicalMemory(address, length)),
    );
  for (const { tables: own, user } of seen) {
    const tables = user ? ((await run(fromPhysical(kernelTablesOf(own), physical))) ?? own) : own;
    const read = <T>(reading: Reading<T>) => run(throughTables(reading, { tables, physical }));
    const offset = await read(findImageOffset(symbols, release));
    if (offset === undefined) continue;
    return { symbols: offset === 0n ? symbols : movedSymbols(symbols, offset), release, read };
  }
  return undefined;
}
