import { type Reading, wordAt } from './guest-memory.js';

/** The root of page tables: CR3's table, and the number of levels (5 with CR4.LA57). */
export interface PageTables {
  readonly root: bigint;
  readonly levels: 4 | 5;
}

/** A physical address, and how many bytes follow it in the same page. */
export interface PhysicalAddress {
  readonly address: bigint;
  readonly bytesInPage: bigint;
}

/** Bits 12 to 51: the frame in an entry, and in CR3 (Intel SDM volume 3, 4.5). */
const FRAME = 0x000f_ffff_ffff_f000n;
const PRESENT = 1n;
/** In an entry above the last level: the entry maps a page of 1 GiB or 2 MiB. */
const PAGE_SIZE = 1n << 7n;
const ENTRY_BYTES = 8;
const ENTRIES = 512;
const PAGE_SHIFT = 12n;
const INDEX_BITS = 9n;
/** The highest level whose entries can map a page (2 MiB and 1 GiB). */
const LARGEST_PAGE_LEVEL = 3;

/**
 * Walks x86-64 page tables; memory is requested by physical address. Undefined when they do not map the address, or a
 * table cannot be read.
 */
export function* translate(
  address: bigint,
  { root, levels }: PageTables,
): Reading<PhysicalAddress | undefined> {
  let table = root & FRAME;
  for (let level: number = levels; level >= 1; level -= 1) {
    const shift = PAGE_SHIFT + INDEX_BITS * BigInt(level - 1);
    const index = (address >> shift) & BigInt(ENTRIES - 1);
    const bytes = yield { address: table + index * BigInt(ENTRY_BYTES), length: ENTRY_BYTES };
    if (bytes?.length !== ENTRY_BYTES) return undefined;
    const entry = wordAt(bytes, 0);
    if ((entry & PRESENT) === 0n) return undefined;
    const mapsPage = level === 1 || (level <= LARGEST_PAGE_LEVEL && (entry & PAGE_SIZE) !== 0n);
    if (mapsPage) {
      const pageBytes = 1n << shift;
      const offset = address & (pageBytes - 1n);
      return { address: (entry & FRAME & ~(pageBytes - 1n)) + offset, bytesInPage: pageBytes - offset };
    }
    table = entry & FRAME;
  }
  return undefined;
}

/**
 * The bit that distinguishes a process's two tables under page-table isolation: the user table is the page after the
 * one with the kernel's (arch/x86/entry/calling.h, PTI_USER_PGTABLE_BIT; arch/x86/mm/pti.c, v6.1).
 */
const PTI_USER_BIT = 1n << PAGE_SHIFT;
/** The lower half of a top-level table, which maps user space. */
const USER_HALF_BYTES = (ENTRIES / 2) * ENTRY_BYTES;

/**
 * The kernel's page tables that belong to a CR3 of user mode; undefined when the two tables are no such pair. The
 * kernel keeps the user half of both equal except for NX (__pti_set_user_pgtbl() of arch/x86/mm/pti.c, v6.1). Without
 * isolation the bit is part of the address, and the preceding page is no page table.
 */
export function* kernelTablesOf({ root, levels }: PageTables): Reading<PageTables | undefined> {
  const userRoot = root & FRAME;
  if ((userRoot & PTI_USER_BIT) === 0n) return undefined;
  const kernelRoot = userRoot & ~PTI_USER_BIT;
  const user = yield { address: userRoot, length: USER_HALF_BYTES };
  const kernel = yield { address: kernelRoot, length: USER_HALF_BYTES };
  if (user?.length !== USER_HALF_BYTES || kernel?.length !== USER_HALF_BYTES) return undefined;
  let present = false;
  for (let offset = 0; offset < USER_HALF_BYTES; offset += ENTRY_BYTES) {
    const entry = wordAt(user, offset);
    if (((entry ^ wordAt(kernel, offset)) & (FRAME | PRESENT)) !== 0n) return undefined;
    present ||= (entry & PRESENT) !== 0n;
  }
  return present ? { root: kernelRoot, levels } : undefined;
}
