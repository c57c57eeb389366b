import { MAX_SYMBOLS, type SymbolTable, symbolTableOf } from './kallsyms.js';
import type { KernelSymbol } from './symbol.js';

/** A section of a 64-bit ELF file; offsets and sizes in bytes. */
export interface ElfSection {
  readonly type: number;
  readonly flags: bigint;
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
  /** Number of another section: of a symbol table, its names. */
  readonly link: number;
}

/** sh_type. */
export const SHT_SYMTAB = 2;
const SHF_WRITE = 1n;
const SHF_EXECINSTR = 4n;
const SECTION_HEADER_BYTES = 64;
const HEADER_BYTES = 64;
/** A kernel has some hundred. */
const MOST_SECTIONS = 4096;

/** Where the section headers of a 64-bit little-endian ELF file for x86-64 are; undefined for any other file. */
export function sectionTable(head: Buffer): { readonly offset: number; readonly count: number } | undefined {
  if (head.length < HEADER_BYTES || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (head[4] !== 2 || head[5] !== 1 || head.readUInt16LE(18) !== 62) return undefined;
  const count = head.readUInt16LE(60);
  const offset = Number(head.readBigUInt64LE(40));
  const fits = head.readUInt16LE(58) === SECTION_HEADER_BYTES && Number.isSafeInteger(offset);
  return fits && count > 0 && count <= MOST_SECTIONS ? { offset, count } : undefined;
}

/** Reads section headers; each has 64 bytes. */
export function readSections(table: Buffer): ElfSection[] {
  const sections: ElfSection[] = [];
  for (let at = 0; at + SECTION_HEADER_BYTES <= table.length; at += SECTION_HEADER_BYTES) {
    sections.push({
      type: table.readUInt32LE(at + 4),
      flags: table.readBigUInt64LE(at + 8),
      address: table.readBigUInt64LE(at + 16),
      offset: Number(table.readBigUInt64LE(at + 24)),
      size: Number(table.readBigUInt64LE(at + 32)),
      link: table.readUInt32LE(at + 40),
    });
  }
  return sections;
}

const ENTRY_BYTES = 24;
const SHN_ABS = 0xfff1;
const MOST_NAME = 512;
/** st_info's low half: neither code nor data of the program. */
const STT_SECTION = 3;
const STT_FILE = 4;

/** The symbols of a vmlinux, from its symbol table and the names of that (elf(5)). A damaged entry is left out. */
export function symbolsOfElf(
  symtab: Buffer,
  { names, sections }: { readonly names: Buffer; readonly sections: readonly ElfSection[] },
): SymbolTable {
  const symbols: KernelSymbol[] = [];
  for (let at = 0; at + ENTRY_BYTES <= symtab.length && symbols.length < MAX_SYMBOLS; at += ENTRY_BYTES) {
    const nameAt = symtab.readUInt32LE(at);
    const info = symtab[at + 4] ?? 0;
    const section = symtab.readUInt16LE(at + 6);
    const kind = info & 0xf;
    if (nameAt === 0 || section === 0 || kind === STT_SECTION || kind === STT_FILE) continue;
    const end = names.indexOf(0, nameAt);
    if (end < 0 || end === nameAt || end - nameAt > MOST_NAME) continue;
    const letter = section === SHN_ABS ? 'a' : letterOf(sections[section]);
    symbols.push({
      address: symtab.readBigUInt64LE(at + 8),
      type: info >> 4 === 0 ? letter : letter.toUpperCase(),
      name: names.toString('latin1', nameAt, end),
    });
  }
  return symbolTableOf(symbols);
}

/** The letter of nm(1). */
function letterOf(section: ElfSection | undefined): string {
  if (section === undefined) return '?';
  if ((section.flags & SHF_EXECINSTR) !== 0n) return 't';
  return (section.flags & SHF_WRITE) === 0n ? 'r' : 'd';
}
