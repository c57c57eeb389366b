import { sectionNamed } from '../symbols/elf.js';

/**
 * A kernel module's description of itself: the `.modinfo` section of its ELF file holds `key=value` texts that end in
 * NUL (include/linux/moduleinfo.h, scripts/mod/modpost.c). Debian packages ship no modules.dep, and depmod is not on
 * every host, so dependencies are read here.
 */

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
 * Names (normalised) of the modules that must be loaded before this one, from the uncompressed bytes of a .ko file.
 * Only hard dependencies: `softdep` entries are hints of modprobe and may name modules that do not exist. Throws an
 * Error with the reason when the bytes are not a little-endian ELF file with a `.modinfo`.
 */
export function dependenciesOf(module: Buffer): string[] {
  const names: string[] = [];
  for (const text of sectionNamed(module, '.modinfo').toString('latin1').split('\0')) {
    if (!text.startsWith('depends=')) continue;
    names.push(...text.slice('depends='.length).split(',').filter(Boolean).map(moduleName));
  }
  return names;
}
