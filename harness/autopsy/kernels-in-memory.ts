import type { Armed } from '../model/event.js';
import { KERNEL_IMAGE } from '../model/place.js';
import {
  fromPhysical,
  type ImageSymbols,
  notesOfElfHeader,
  pagedMemory,
  type PageTables,
  parseVmcoreinfo,
  readImageSymbols,
  readCoreNotes,
  readVmcoreinfoText,
  type SymbolTable,
  translate,
} from '../symbols/index.js';
import { type PhysicalMemory, readPhysical, readVirtual } from './physical-memory.js';

/** A kernel as the memory of a machine holds it. Nothing of it is known before. */
export interface KernelInMemory {
  readonly tables: PageTables;
  /** Where its image begins, virtual. */
  readonly base: bigint;
  /** The physical address of its first byte. */
  readonly physical: bigint;
  /** The image; pages that cannot be read are zeros. */
  readonly bytes: Buffer;
  /** Its own symbol table, proved by its banner; undefined where none is found. */
  readonly own: ImageSymbols | undefined;
  /** The text of its VMCOREINFO, where the capture kernel has it. */
  readonly vmcoreinfo?: string | undefined;
}

/** The kernels of a machine, by their roles. */
export interface MachineKernels {
  readonly production?: KernelInMemory | undefined;
  readonly capture?: KernelInMemory | undefined;
  /** The crash kernel's reservation, from the first kernel's `crashk_res`; which segments are loaded is not known. */
  readonly armed?: Armed | undefined;
}

/** The mapping of the image (Documentation/x86/x86_64/mm.rst, v6.1): 1 GiB, in which KASLR moves it by 2 MiB steps. */
const IMAGE_SPACE = 1n << 30n;
const STEP = 1n << 21n;
const PAGE = 4096n;
/** Freed parts of the image leave holes; a longer one is its end. */
const MOST_HOLE = 16n * 1024n * 1024n;
const MOST_IMAGE_BYTES = 256 * 1024 * 1024;
const READ_BYTES = 512 * 1024;

/** Reads the image that page tables map. Undefined when they map none. `onBytes` is called as it is read. */
export async function readKernelImage(
  tables: PageTables,
  {
    memory,
    onBytes = () => {},
  }: { readonly memory: PhysicalMemory; readonly onBytes?: (bytes: number) => void },
): Promise<Pick<KernelInMemory, 'base' | 'physical' | 'bytes'> | undefined> {
  const physical = pagedMemory();
  let base: bigint | undefined;
  let first = 0n;
  let end = KERNEL_IMAGE;
  const parts: Buffer[] = [];
  let size = 0;
  for (let at = KERNEL_IMAGE; at < KERNEL_IMAGE + IMAGE_SPACE && size < MOST_IMAGE_BYTES; ) {
    const mapped = await readPhysical(fromPhysical(translate(at, tables), physical), memory);
    if (mapped === undefined) {
      if (base !== undefined && at - end > MOST_HOLE) break;
      at += base === undefined ? STEP - (at % STEP) : PAGE;
      continue;
    }
    if (base === undefined) {
      base = at;
      first = mapped.address;
    }
    if (at > end && parts.length > 0) {
      parts.push(Buffer.alloc(Number(at - end)));
      size += Number(at - end);
    }
    for (let left = Number(mapped.bytesInPage), from = mapped.address; left > 0; ) {
      const length = Math.min(left, READ_BYTES);
      parts.push((await memory.read(from, length)) ?? (await readPages(from, { length, memory })));
      from += BigInt(length);
      left -= length;
      size += length;
    }
    at += mapped.bytesInPage;
    end = at;
    onBytes(size);
  }
  return base === undefined ? undefined : { base, physical: first, bytes: Buffer.concat(parts) };
}

/** Page by page, with zeros for those that cannot be read. */
async function readPages(
  address: bigint,
  { length, memory }: { readonly length: number; readonly memory: PhysicalMemory },
): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += Number(PAGE)) {
    (await memory.read(address + BigInt(at), Number(PAGE)))?.copy(bytes, at);
  }
  return bytes;
}

/** How {@link findKernels} reads. */
export interface FindOptions {
  readonly memory: PhysicalMemory;
  /** Called as an image is read, with the bytes so far. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Finds the kernels of a machine: the ones that some page tables map, and the crashed one that a capture kernel knows of.
 * The tables of vCPUs come first; the order decides nothing else.
 */
export async function findKernels(
  candidates: readonly PageTables[],
  { memory, onBytes }: FindOptions,
): Promise<MachineKernels> {
  const found: { production?: KernelInMemory; capture?: KernelInMemory } = {};
  const seen = new Set<bigint>();
  const take = async (tables: PageTables, vmcoreinfo?: string): Promise<void> => {
    const image = await imageAddress(tables, memory);
    if (image === undefined || seen.has(image)) return;
    seen.add(image);
    const read = await readKernelImage(tables, { memory, ...(onBytes === undefined ? {} : { onBytes }) });
    if (read === undefined) return;
    const kernel: KernelInMemory = { tables, ...read, own: readImageSymbols(read), vmcoreinfo };
    const header = await elfHeaderOf(kernel, memory);
    if (header === undefined) {
      // A kernel whose symbols are known is preferred to one whose symbols are not.
      if (found.production?.own === undefined) found.production = kernel;
      return;
    }
    found.capture ??= kernel;
    const text = await crashedVmcoreinfo(kernel, { header, memory });
    const crashed = text === undefined ? undefined : parseVmcoreinfo(text).pageTables;
    if (crashed !== undefined) await take(crashed, text);
  };
  for (const tables of candidates) {
    if (found.production?.own !== undefined && found.capture !== undefined) break;
    await take(tables);
  }
  return { ...found, armed: await reservationOf(found.production, memory) };
}

/** The physical address of the first mapped page of the image: what tells two kernels from each other. */
async function imageAddress(tables: PageTables, memory: PhysicalMemory): Promise<bigint | undefined> {
  const physical = pagedMemory();
  for (let at = KERNEL_IMAGE; at < KERNEL_IMAGE + IMAGE_SPACE; at += STEP) {
    const mapped = await readPhysical(fromPhysical(translate(at, tables), physical), memory);
    if (mapped !== undefined) return mapped.address;
  }
  return undefined;
}

/** ELFCORE_ADDR_MAX (include/linux/crash_dump.h, v6.1): the value in a kernel that is not a capture kernel. */
const NO_ELF_HEADER = 0xffff_ffff_ffff_ffffn;

/**
 * `elfcorehdr_addr`: the physical address of the header of the crashed kernel's dump, later ELFCORE_ADDR_ERR; undefined in
 * a kernel that is no capture kernel.
 */
async function elfHeaderOf(kernel: KernelInMemory, memory: PhysicalMemory): Promise<bigint | undefined> {
  const header = await valueOf('elfcorehdr_addr', kernel, memory);
  return header === NO_ELF_HEADER ? undefined : header;
}

async function valueOf(
  name: string,
  kernel: KernelInMemory,
  memory: PhysicalMemory,
): Promise<bigint | undefined> {
  const [symbol] = kernel.own?.table.named(name) ?? [];
  if (symbol === undefined) return undefined;
  return readVirtual(pagedMemory().word(symbol.address), { tables: kernel.tables, memory });
}

const MOST_NOTE_BYTES = 65_536n;

/**
 * The VMCOREINFO of the crashed kernel: from the notes that the header of its dump leads to, or, once
 * the capture kernel has taken that over (fs/proc/vmcore.c, vmcore_init(), v6.1), from its copy of the notes.
 */
async function crashedVmcoreinfo(
  capture: KernelInMemory,
  { header, memory }: { readonly header: bigint; readonly memory: PhysicalMemory },
): Promise<string | undefined> {
  const copy = await valueOf('elfnotes_buf', capture, memory);
  const size = await valueOf('elfnotes_sz', capture, memory);
  if (copy !== undefined && copy !== 0n && size !== undefined) {
    const reading = pagedMemory().bytes(copy, boundedSize(size));
    const notes = await readVirtual(reading, { tables: capture.tables, memory });
    const text = notes === undefined ? undefined : readCoreNotes(Buffer.from(notes)).vmcoreinfo;
    if (text !== undefined) return text;
  }
  for (const { address, bytes } of await readPhysical(notesOfElfHeader(header, pagedMemory()), memory)) {
    const note = await readPhysical(pagedMemory().bytes(address, boundedSize(bytes)), memory);
    const text = note === undefined ? undefined : readCoreNotes(Buffer.from(note)).vmcoreinfo;
    if (text !== undefined) return text;
  }
  return undefined;
}

function boundedSize(bytes: bigint): number {
  return Number(bytes < MOST_NOTE_BYTES ? bytes : MOST_NOTE_BYTES);
}

/** `struct resource` begins with start and end, inclusive (include/linux/ioport.h, v6.1). */
async function reservationOf(
  kernel: KernelInMemory | undefined,
  memory: PhysicalMemory,
): Promise<Armed | undefined> {
  if (kernel === undefined) return undefined;
  const ranges: { first: bigint; last: bigint }[] = [];
  for (const name of ['crashk_res', 'crashk_low_res']) {
    const [symbol] = kernel.own?.table.named(name) ?? [];
    if (symbol === undefined) continue;
    const at = { tables: kernel.tables, memory };
    const first = await readVirtual(pagedMemory().word(symbol.address), at);
    const last = await readVirtual(pagedMemory().word(symbol.address + 8n), at);
    if (first !== undefined && last !== undefined && last > first) ranges.push({ first, last });
  }
  if (ranges.length === 0) return undefined;
  const loaded = await valueOf('kexec_crash_image', kernel, memory);
  return {
    status: 0,
    loaded: loaded !== undefined && loaded !== 0n,
    crashSize: ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n),
    ranges,
    segments: [],
    errors: [],
  };
}

/** The text of a kernel's VMCOREINFO; undefined when it has none, or its symbols are not known. */
export async function vmcoreinfoOf(
  { tables, symbols }: { readonly tables: PageTables; readonly symbols: SymbolTable },
  memory: PhysicalMemory,
): Promise<string | undefined> {
  return readVirtual(readVmcoreinfoText(symbols, pagedMemory()), { tables, memory });
}
