import type { PagedMemory, Reading } from './guest-memory.js';
import { type PageTables, translate } from './page-tables.js';

/**
 * Turns a reading of virtual memory into one of physical memory, through page tables. What they do not map cannot be
 * read.
 */
export function* throughTables<T>(
  reading: Reading<T>,
  { tables, physical }: { readonly tables: PageTables; readonly physical: PagedMemory },
): Reading<T> {
  let step = reading.next();
  while (step.done !== true) {
    const { address, length } = step.value;
    const at = yield* fromPhysical(translate(address, tables), physical);
    const whole = at !== undefined && at.bytesInPage >= BigInt(length);
    step = reading.next(whole ? yield* physical.bytes(at.address, length) : undefined);
  }
  return step.value;
}

/** Answers a reading's requests from pages of physical memory. */
export function* fromPhysical<T>(reading: Reading<T>, physical: PagedMemory): Reading<T> {
  let step = reading.next();
  while (step.done !== true) {
    step = reading.next(yield* physical.bytes(step.value.address, step.value.length));
  }
  return step.value;
}
