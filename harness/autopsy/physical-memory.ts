import type { Registers } from '../machine/debugger.js';
import {
  finishReadingAsync,
  fromPhysical,
  kernelTablesOf,
  pagedMemory,
  type PageTables,
  type Reading,
  throughTables,
} from '../symbols/index.js';
import { type Debugger, UnreadableMemory } from './debugger.js';
import { tablesOf } from './kernel-memory.js';

/** Physical memory of a machine or of a dump. */
export interface PhysicalMemory {
  /** Undefined when some of it is not there: no RAM, or a page that the dump lacks. */
  read(address: bigint, length: number): Promise<Buffer | undefined>;
}

/** What is read of a machine that stands still. */
export type StillReader = Pick<Debugger, 'vcpus' | 'readRegisters' | 'readMemory' | 'readPhysicalMemory'>;

const CR0_PAGING = 1n << 31n;
const USER_MODE = 3n;

/** Runs a reading of physical memory. */
export function readPhysical<T>(reading: Reading<T>, memory: PhysicalMemory): Promise<T> {
  return finishReadingAsync(reading, ({ address, length }) => memory.read(address, length));
}

/** Runs a reading of virtual memory through page tables. */
export function readVirtual<T>(
  reading: Reading<T>,
  { tables, memory }: { readonly tables: PageTables; readonly memory: PhysicalMemory },
): Promise<T> {
  return readPhysical(throughTables(reading, { tables, physical: pagedMemory() }), memory);
}

/**
 * The page tables by which a vCPU's memory is read: its own, or the kernel's that belong to them when it is in user mode
 * under page-table isolation. Undefined for a vCPU whose paging is off.
 */
export async function tablesToRead(
  registers: Pick<Registers, 'cr0' | 'cr3' | 'cr4' | 'cs'>,
  memory: PhysicalMemory,
): Promise<PageTables | undefined> {
  if ((registers.cr0 & CR0_PAGING) === 0n) return undefined;
  const own = tablesOf(registers);
  if ((registers.cs & USER_MODE) !== USER_MODE) return own;
  return (await readPhysical(fromPhysical(kernelTablesOf(own), pagedMemory()), memory)) ?? own;
}

/** A reader over registers that were read once, and physical memory: virtual memory is read by the vCPUs' page tables. */
export function stillReader(registers: ReadonlyMap<number, Registers>, memory: PhysicalMemory): StillReader {
  const tables = new Map<number, Promise<PageTables | undefined>>();
  const of = (vcpu: number): Registers => {
    const known = registers.get(vcpu);
    if (known === undefined) throw new UnreadableMemory(`cannot read vCPU "${vcpu}": there is none`);
    return known;
  };
  const physical = async (address: bigint, length: number) => {
    const bytes = await memory.read(address, length);
    if (bytes !== undefined) return bytes;
    const where = `0x${address.toString(16)}`;
    throw new UnreadableMemory(`cannot read ${length} bytes at physical "${where}": they are not there`);
  };
  return {
    vcpus: [...registers.keys()].sort((one, other) => one - other),
    readRegisters: async (vcpu) => of(vcpu),
    readPhysicalMemory: physical,
    async readMemory(address, length, { vcpu }) {
      const known = tables.get(vcpu) ?? tablesToRead(of(vcpu), memory);
      tables.set(vcpu, known);
      const through = await known;
      if (through === undefined) return physical(address, length);
      const bytes = await readVirtual(pagedMemory().bytes(address, length), { tables: through, memory });
      if (bytes !== undefined) return Buffer.from(bytes);
      const where = `0x${address.toString(16)}`;
      throw new UnreadableMemory(`cannot read ${length} bytes at "${where}": they are not mapped`);
    },
  };
}
