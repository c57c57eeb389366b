/** What an image builder must know of an ELF file. */
export interface ElfFacts {
  readonly bits: 32 | 64;
  /** e_machine: 62 is x86-64, 3 is i386. */
  readonly machine: number;
  /** e_type: 1 relocatable (a kernel module), 2 executable, 3 shared or position-independent. */
  readonly type: number;
  /** The loader named by PT_INTERP; absent in static programs, static-pie ones included. */
  readonly interpreter?: string | undefined;
}

export const EM_X86_64 = 62;

const PT_INTERP = 3;
const LOADER_PATH_LIMIT = 256;

/**
 * Reads the head of a little-endian ELF file (layout: elf(5)). Returns undefined when the bytes are not one, or
 * when its program headers point outside it.
 */
export function inspectElf(bytes: Buffer): ElfFacts | undefined {
  if (bytes.length < 52 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[5] !== 1) return undefined;
  const bits = bytes[4] === 2 ? 64 : 32;
  if (bits === 64 && bytes.length < 64) return undefined;
  const type = bytes.readUInt16LE(16);
  const machine = bytes.readUInt16LE(18);
  const wide = bits === 64;
  const address = (at: number): number => (wide ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at));
  const tableAt = address(wide ? 32 : 28);
  const entrySize = bytes.readUInt16LE(wide ? 54 : 42);
  const count = bytes.readUInt16LE(wide ? 56 : 44);
  if (count > 0 && (entrySize < (wide ? 56 : 32) || tableAt + count * entrySize > bytes.length))
    return undefined;
  for (let index = 0; index < count; index += 1) {
    const header = tableAt + index * entrySize;
    if (bytes.readUInt32LE(header) !== PT_INTERP) continue;
    const start = address(header + (wide ? 8 : 4));
    const size = address(header + (wide ? 32 : 16));
    if (size > LOADER_PATH_LIMIT || start + size > bytes.length) return undefined;
    const interpreter = bytes.toString('latin1', start, start + size).replace(/\0.*$/s, '');
    return { bits, machine, type, interpreter };
  }
  return { bits, machine, type };
}
