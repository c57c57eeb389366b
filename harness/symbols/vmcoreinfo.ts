import { KERNEL_IMAGE } from '../model/place.js';
import { type PagedMemory, type Reading, wordAt } from './guest-memory.js';
import type { PageTables } from './page-tables.js';
import type { SymbolTable } from './kallsyms.js';

/** A kernel's description of itself for crash dumps (Documentation/admin-guide/kdump/vmcoreinfo.rst). */
export interface Vmcoreinfo {
  /** `6.1.0-56-amd64`. */
  readonly release: string | undefined;
  /** What KASLR moved the image by. */
  readonly kernelOffset: bigint | undefined;
  /** The kernel's own page tables (`init_top_pgt`), by physical address. */
  readonly pageTables: PageTables | undefined;
  /** The address of a variable. */
  symbol(name: string): bigint | undefined;
  /** The offset of a member, `struct.member`, in bytes. */
  offset(member: string): number | undefined;
  /** The size of a structure, bytes. */
  size(struct: string): number | undefined;
}

/** Structures are not larger than this; a greater number is no offset. */
const MOST_BYTES = 4096;
/** VMCOREINFO_BYTES (include/linux/crash_core.h, v6.1). */
export const MAX_VMCOREINFO_BYTES = 4096;
const MOST_RELEASE = 128;

/** Reads the text of VMCOREINFO. The text is the guest's: an absurd number is left out. */
export function parseVmcoreinfo(text: string): Vmcoreinfo {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^([A-Z]+\([\w.]+\))=([0-9a-f]{1,16})$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values.set(key, value);
  }
  const decimal = (key: string) => {
    const value = values.get(key);
    if (value === undefined || !/^\d{1,4}$/.test(value)) return undefined;
    return Number(value) <= MOST_BYTES ? Number(value) : undefined;
  };
  const symbol = (name: string) => {
    const value = values.get(`SYMBOL(${name})`);
    return value === undefined ? undefined : BigInt(`0x${value}`);
  };
  const offset = /^KERNELOFFSET=([0-9a-f]{1,16})$/m.exec(text)?.[1];
  return {
    release: new RegExp(`^OSRELEASE=([!-~]{1,${MOST_RELEASE}})$`, 'm').exec(text)?.[1],
    kernelOffset: offset === undefined ? undefined : BigInt(`0x${offset}`),
    pageTables: pageTablesIn(text, symbol('swapper_pg_dir') ?? symbol('init_top_pgt')),
    symbol,
    offset: (member) => decimal(`OFFSET(${member})`),
    size: (struct) => decimal(`SIZE(${struct})`),
  };
}

/** arch/x86/kernel/crash_core_64.c (v6.1): `phys_base` is signed, `pgtable_l5_enabled` is there since v4.17. */
function pageTablesIn(text: string, root: bigint | undefined): PageTables | undefined {
  const base = /^NUMBER\(phys_base\)=(-?\d{1,19})$/m.exec(text)?.[1];
  if (base === undefined || root === undefined || root < KERNEL_IMAGE) return undefined;
  const at = root - KERNEL_IMAGE + BigInt(base);
  if (at < 0n) return undefined;
  return { root: at, levels: /^NUMBER\(pgtable_l5_enabled\)=1$/m.test(text) ? 5 : 4 };
}

/** The text of VMCOREINFO in a kernel's memory, found by its symbols (kernel/crash_core.c, v6.1; vmcore_info.c, v6.12). */
export function* readVmcoreinfoText(symbols: SymbolTable, memory: PagedMemory): Reading<string | undefined> {
  const [data] = symbols.named('vmcoreinfo_data');
  const [size] = symbols.named('vmcoreinfo_size');
  if (data === undefined || size === undefined) return undefined;
  const at = yield* memory.word(data.address);
  const length = yield* memory.word(size.address);
  if (at === undefined || length === undefined || length === 0n || length > MAX_VMCOREINFO_BYTES) {
    return undefined;
  }
  const bytes = yield* memory.bytes(at, Number(length));
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1');
}

/** Where program headers of type PT_NOTE of a kernel's ELF header for its dump point: physical addresses and sizes. */
export function* notesOfElfHeader(
  address: bigint,
  physical: PagedMemory,
): Reading<readonly { readonly address: bigint; readonly bytes: bigint }[]> {
  const head = yield* physical.bytes(address, 64);
  if (head === undefined || Buffer.from(head).toString('latin1', 0, 5) !== '\x7fELF\x02') return [];
  const view = Buffer.from(head);
  const table = address + wordAt(head, 32);
  const count = Math.min(view.readUInt16LE(56), MOST_HEADERS);
  const notes: { address: bigint; bytes: bigint }[] = [];
  for (let index = 0; index < count; index += 1) {
    const entry = yield* physical.bytes(table + BigInt(index * PROGRAM_HEADER_BYTES), PROGRAM_HEADER_BYTES);
    if (entry === undefined) break;
    if (Buffer.from(entry).readUInt32LE(0) !== PT_NOTE) continue;
    // p_offset: the capture kernel reads its header's notes by it, from physical memory (fs/proc/vmcore.c, v6.1).
    notes.push({ address: wordAt(entry, 8), bytes: wordAt(entry, 40) });
  }
  return notes;
}

const PT_NOTE = 4;
const PROGRAM_HEADER_BYTES = 56;
/** One for each CPU, and one for each range of memory. */
const MOST_HEADERS = 4096;
