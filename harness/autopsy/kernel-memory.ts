import type { Registers } from '../machine/debugger.js';
import {
  finishReadingAsync,
  kernelTablesOf,
  pagedMemory,
  type PageTables,
  throughTables,
} from '../symbols/index.js';
import { type Debugger, orUnreadable } from './debugger.js';

/** The part of a debugger that reading kernel memory needs. */
export type KernelReader = Pick<Debugger, 'vcpus' | 'readRegisters' | 'readMemory' | 'readPhysicalMemory'>;

const CR0_PAGING = 1n << 31n;
/** CR4.LA57: five levels of page tables (Intel SDM volume 3, 2.5). */
const CR4_LA57 = 1n << 12n;

/**
 * Reads memory of the running kernel at a virtual address, all vCPUs stopped, through the page tables of a vCPU in
 * kernel mode. When all are in user mode, under page-table isolation, their own tables do not map the kernel: then
 * through physical memory, by the kernel's tables that belong to theirs. Undefined when no tables map all of it.
 */
export async function readKernelMemory(
  gdb: KernelReader,
  address: bigint,
  length: number,
): Promise<Buffer | undefined> {
  const inUserMode: { readonly vcpu: number; readonly tables: PageTables }[] = [];
  for (const vcpu of gdb.vcpus) {
    const registers = await gdb.readRegisters(vcpu);
    // A vCPU that was not started yet has no page tables, and would read arbitrary memory.
    if (!isPaging(registers)) continue;
    if (!isInKernelMode(registers)) {
      inUserMode.push({ vcpu, tables: tablesOf(registers) });
      continue;
    }
    const bytes = await readThrough(vcpu, { gdb, address, length });
    if (bytes !== undefined) return bytes;
  }
  for (const { vcpu } of inUserMode) {
    const bytes = await readThrough(vcpu, { gdb, address, length });
    if (bytes !== undefined) return bytes;
  }
  for (const { tables } of inUserMode) {
    const bytes = await readByWalk(tables, { gdb, address, length });
    if (bytes !== undefined) return bytes;
  }
  return undefined;
}

/** Whether a vCPU has page tables: it may have been started by nobody yet. */
export function isPaging({ cr0 }: Pick<Registers, 'cr0'>): boolean {
  return (cr0 & CR0_PAGING) !== 0n;
}

export function isInKernelMode({ cs }: Pick<Registers, 'cs'>): boolean {
  return (cs & 3n) === 0n;
}

interface Wanted {
  readonly gdb: KernelReader;
  readonly address: bigint;
  readonly length: number;
}

/** The page tables of a vCPU whose paging is on. */
export function tablesOf({ cr3, cr4 }: Pick<Registers, 'cr3' | 'cr4'>): PageTables {
  return { root: cr3, levels: (cr4 & CR4_LA57) === 0n ? 4 : 5 };
}

async function readThrough(vcpu: number, { gdb, address, length }: Wanted): Promise<Buffer | undefined> {
  return orUnreadable(gdb.readMemory(address, length, { vcpu }));
}

async function readByWalk(
  userTables: PageTables,
  { gdb, address, length }: Wanted,
): Promise<Buffer | undefined> {
  const read = (request: { address: bigint; length: number }) =>
    orUnreadable(gdb.readPhysicalMemory(request.address, request.length));
  const tables = await finishReadingAsync(kernelTablesOf(userTables), read);
  if (tables === undefined) return undefined;
  const reading = throughTables(pagedMemory().bytes(address, length), { tables, physical: pagedMemory() });
  const bytes = await finishReadingAsync(reading, read);
  return bytes === undefined ? undefined : Buffer.from(bytes);
}
