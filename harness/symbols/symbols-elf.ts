import { EM_X86_64 } from './elf.js';
import { type KernelSymbol, sortOf } from './symbol.js';

/**
 * An ELF file that holds a kernel's symbols at the addresses of one boot, and no code: for gdb, which reads code and
 * data through its remote target (elf(5)).
 */

const ET_EXEC = 2;
const SHT = { progbits: 1, symtab: 2, strtab: 3, nobits: 8 } as const;
const SHF_ALLOC_EXEC = 6;
const STT = { notype: 0, object: 1, func: 2 } as const;
const SHN_ABS = 0xfff1;
const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const FIRST_KERNEL_ADDRESS = 0xffff_8000_0000_0000n;
/** No function of a kernel is longer; the end of a section is no end of one. */
const MOST_FUNCTION_BYTES = 1024n * 1024n;

/** The last function ends somewhere behind its start. */
const CODE_TAIL = 4096n;

/** What is in the file beside the symbols. */
export interface ElfParts {
  /** The content of .debug_frame; none when absent. */
  readonly frames?: Buffer | undefined;
}

/** Makes the file; undefined when there is no symbol of code in the kernel's half of the addresses. */
export function symbolsElf(symbols: readonly KernelSymbol[], { frames }: ElfParts = {}): Buffer | undefined {
  const kept = symbols
    .filter((symbol) => symbol.address >= FIRST_KERNEL_ADDRESS && sortOf(symbol) !== 'absolute')
    .toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  const code = kept.filter((symbol) => sortOf(symbol) === 'text');
  const first = code[0]?.address;
  const last = code.at(-1)?.address;
  if (first === undefined || last === undefined) return undefined;
  const { table, strings } = symbolTable(kept, { first, last });
  const sections = [
    {
      name: '.text',
      type: SHT.nobits,
      flags: SHF_ALLOC_EXEC,
      address: first,
      size: last - first + CODE_TAIL,
    },
    { name: '.symtab', type: SHT.symtab, bytes: table, link: 3, entryBytes: SYMBOL_BYTES },
    { name: '.strtab', type: SHT.strtab, bytes: strings },
    ...(frames === undefined ? [] : [{ name: '.debug_frame', type: SHT.progbits, bytes: frames }]),
  ];
  return assemble(sections);
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly bytes?: Buffer;
  readonly flags?: number;
  readonly address?: bigint;
  /** Of a section without bytes. */
  readonly size?: bigint;
  readonly link?: number;
  readonly entryBytes?: number;
}

function symbolTable(
  kept: readonly KernelSymbol[],
  { first, last }: { readonly first: bigint; readonly last: bigint },
): { table: Buffer; strings: Buffer } {
  const table = Buffer.alloc((kept.length + 1) * SYMBOL_BYTES);
  const names: Buffer[] = [Buffer.from([0])];
  let nameAt = 1;
  // The next symbol at a higher address ends a symbol: kallsyms has no sizes.
  let next = last + 1n;
  let nextHere = next;
  for (let index = kept.length - 1; index >= 0; index -= 1) {
    const symbol = kept[index];
    if (symbol === undefined) continue;
    if (index < kept.length - 1 && kept[index + 1]?.address !== symbol.address) {
      next = nextHere;
    }
    nextHere = symbol.address;
    const name = Buffer.from(`${symbol.name}\0`, 'latin1');
    const at = (index + 1) * SYMBOL_BYTES;
    const size =
      next > symbol.address && next - symbol.address <= MOST_FUNCTION_BYTES ? next - symbol.address : 0n;
    const sort = sortOf(symbol);
    const type = sort === 'text' ? STT.func : sort === 'data' ? STT.object : STT.notype;
    const isInCode = symbol.address >= first && symbol.address <= last;
    table.writeUInt32LE(nameAt, at);
    // Local bindings only: gdb finds them all the same, and they may have one name several times.
    table.writeUInt8(type, at + 4);
    table.writeUInt16LE(isInCode ? 1 : SHN_ABS, at + 6);
    table.writeBigUInt64LE(symbol.address, at + 8);
    table.writeBigUInt64LE(size, at + 16);
    names.push(name);
    nameAt += name.length;
  }
  return { table, strings: Buffer.concat(names) };
}

function assemble(sections: readonly Section[]): Buffer {
  const all: readonly Section[] = [...sections, { name: '.shstrtab', type: SHT.strtab }];
  const names = Buffer.from(`\0${all.map(({ name }) => `${name}\0`).join('')}`, 'latin1');
  const contents = all.map(({ bytes }, index) => bytes ?? (index === all.length - 1 ? names : undefined));
  const header = Buffer.alloc(HEADER_BYTES);
  const table = Buffer.alloc((all.length + 1) * SECTION_BYTES);
  const parts: Buffer[] = [header];
  let offset = HEADER_BYTES;
  let nameAt = 1;
  all.forEach((section, index) => {
    const bytes = contents[index];
    const at = (index + 1) * SECTION_BYTES;
    table.writeUInt32LE(nameAt, at);
    table.writeUInt32LE(section.type, at + 4);
    table.writeBigUInt64LE(BigInt(section.flags ?? 0), at + 8);
    table.writeBigUInt64LE(section.address ?? 0n, at + 16);
    table.writeBigUInt64LE(BigInt(offset), at + 24);
    table.writeBigUInt64LE(bytes === undefined ? (section.size ?? 0n) : BigInt(bytes.length), at + 32);
    table.writeUInt32LE(section.link ?? 0, at + 40);
    // Of a symbol table: the number of local symbols, which come first. All are.
    table.writeUInt32LE(section.type === SHT.symtab ? (bytes?.length ?? 0) / SYMBOL_BYTES : 0, at + 44);
    table.writeBigUInt64LE(section.type === SHT.nobits ? 16n : 8n, at + 48);
    table.writeBigUInt64LE(BigInt(section.entryBytes ?? 0), at + 56);
    nameAt += section.name.length + 1;
    if (bytes === undefined) return;
    const padding = Buffer.alloc((8 - (bytes.length % 8)) % 8);
    parts.push(bytes, padding);
    offset += bytes.length + padding.length;
  });
  header.write('\x7fELF', 0, 'latin1');
  header.writeUInt8(2, 4);
  header.writeUInt8(1, 5);
  header.writeUInt8(1, 6);
  header.writeUInt16LE(ET_EXEC, 16);
  header.writeUInt16LE(EM_X86_64, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(offset), 40);
  header.writeUInt16LE(HEADER_BYTES, 52);
  header.writeUInt16LE(SECTION_BYTES, 58);
  header.writeUInt16LE(all.length + 1, 60);
  header.writeUInt16LE(all.length, 62);
  return Buffer.concat([...parts, table]);
}
