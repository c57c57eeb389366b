/**
 * What a kernel module says about itself: the `.modinfo` section of its ELF file holds `key=value` texts that
 * end in NUL (include/linux/moduleinfo.h, scripts/mod/modpost.c). Debian packages ship no modules.dep, and
 * depmod is not on every host, so dependencies are read here.
 */

/** Offsets in the ELF header and in a section header, by word width (elf(5)). */
const LAYOUTS = {
  1: { header: 52, table: 0x20, entrySize: 0x2e, section: 40, offset: 0x10, size: 0x14, word: 4 },
  2: { header: 64, table: 0x28, entrySize: 0x3a, section: 64, offset: 0x18, size: 0x20, word: 8 },
} as const;
type Layout = (typeof LAYOUTS)[keyof typeof LAYOUTS];
const FILE_SUFFIX = /\.ko(?:\.(?:xz|zst|gz))?$/;

/** True for the file name of a module, compressed or not. */
export function isModuleFile(fileName: string): boolean {
  return FILE_SUFFIX.test(fileName);
}

/** A module's name from its file name or from any spelling: `crc32c-intel.ko.xz` is `crc32c_intel`. */
export function moduleName(fileOrName: string): string {
  const base = fileOrName.slice(fileOrName.lastIndexOf('/') + 1);
  return base.replace(FILE_SUFFIX, '').replaceAll('-', '_');
}

/**
 * Names (normalised) of the modules that must be loaded before this one, from the uncompressed bytes of a .ko
 * file. Only hard dependencies: `softdep` entries are hints of modprobe and may name what does not exist.
 * Throws an Error with the reason when the bytes are not a little-endian ELF file with a `.modinfo`.
 */
export function dependenciesOf(module: Buffer): string[] {
  const names: string[] = [];
  for (const text of sectionNamed(module, '.modinfo').toString('latin1').split('\0')) {
    if (!text.startsWith('depends=')) continue;
    names.push(...text.slice('depends='.length).split(',').filter(Boolean).map(moduleName));
  }
  return names;
}

function sectionNamed(elf: Buffer, name: string): Buffer {
  const layout = layoutOf(elf);
  const count = elf.readUInt16LE(layout.entrySize + 2);
  const table = offsetAt(elf, layout.table, layout);
  if (elf.readUInt16LE(layout.entrySize) !== layout.section || table + count * layout.section > elf.length) {
    throw new Error('its section table is damaged');
  }
  const headers = Array.from({ length: count }, (_, i) => table + i * layout.section);
  const namesHeader = headers[elf.readUInt16LE(layout.entrySize + 4)];
  if (namesHeader === undefined) throw new Error('it has no section names');
  const names = contentOf(elf, namesHeader, layout);
  for (const header of headers) {
    const start = elf.readUInt32LE(header);
    const end = names.indexOf(0, start);
    if (start < names.length && names.toString('latin1', start, end < 0 ? names.length : end) === name) {
      return contentOf(elf, header, layout);
    }
  }
  throw new Error(`it has no ${name} section`);
}

function layoutOf(elf: Buffer): Layout {
  if (elf.length < LAYOUTS[1].header || elf.toString('latin1', 0, 4) !== '\x7fELF') {
    throw new Error('it is not an ELF file');
  }
  const width = elf[4];
  if ((width !== 1 && width !== 2) || elf[5] !== 1) throw new Error('it is not a little-endian ELF file');
  if (elf.length < LAYOUTS[width].header) throw new Error('it is not an ELF file');
  return LAYOUTS[width];
}

function contentOf(elf: Buffer, header: number, layout: Layout): Buffer {
  const start = offsetAt(elf, header + layout.offset, layout);
  const length = offsetAt(elf, header + layout.size, layout);
  if (start + length > elf.length) throw new Error('a section lies outside of the file');
  return elf.subarray(start, start + length);
}

/** A file offset; one beyond the file's end is damage, so precision is not lost below it. */
function offsetAt(elf: Buffer, position: number, { word }: Layout): number {
  const value = word === 8 ? elf.readBigUInt64LE(position) : BigInt(elf.readUInt32LE(position));
  if (value > BigInt(elf.length)) throw new Error('its section table is damaged');
  return Number(value);
}
