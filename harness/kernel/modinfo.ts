/**
 * What a kernel module says about itself: the `.modinfo` section of its ELF file holds `key=value` texts that
 * end in NUL (include/linux/moduleinfo.h, scripts/mod/modpost.c). Debian packages ship no modules.dep, and
 * depmod is not on every host, so dependencies are read here.
 */

const ELF64_HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
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
 * Throws an Error with the reason when the bytes are not a 64-bit little-endian ELF file with a `.modinfo`.
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
  if (elf.length < ELF64_HEADER_BYTES || elf.toString('latin1', 0, 4) !== '\x7fELF') {
    throw new Error('it is not an ELF file');
  }
  if (elf[4] !== 2 || elf[5] !== 1) throw new Error('it is not a 64-bit little-endian ELF file');
  const count = elf.readUInt16LE(0x3c);
  const table = offsetAt(elf, 0x28);
  if (elf.readUInt16LE(0x3a) !== SECTION_HEADER_BYTES || table + count * SECTION_HEADER_BYTES > elf.length) {
    throw new Error('its section table is damaged');
  }
  const headers = Array.from({ length: count }, (_, i) => table + i * SECTION_HEADER_BYTES);
  const namesHeader = headers[elf.readUInt16LE(0x3e)];
  if (namesHeader === undefined) throw new Error('it has no section names');
  const names = contentOf(elf, namesHeader);
  for (const header of headers) {
    const start = elf.readUInt32LE(header);
    const end = names.indexOf(0, start);
    if (start < names.length && names.toString('latin1', start, end < 0 ? names.length : end) === name) {
      return contentOf(elf, header);
    }
  }
  throw new Error(`it has no ${name} section`);
}

function contentOf(elf: Buffer, header: number): Buffer {
  const start = offsetAt(elf, header + 0x18);
  const length = offsetAt(elf, header + 0x20);
  if (start + length > elf.length) throw new Error('a section lies outside of the file');
  return elf.subarray(start, start + length);
}

/** A 64-bit file offset; one beyond the file's end is damage, so precision is not lost below it. */
function offsetAt(elf: Buffer, position: number): number {
  const value = elf.readBigUInt64LE(position);
  if (value > BigInt(elf.length)) throw new Error('its section table is damaged');
  return Number(value);
}
