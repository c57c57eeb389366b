import { readFile, realpath, stat } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { messageOf } from '../model/errno.js';
import { harnessFault } from '../model/fault.js';
import { EM_386, type ElfProgram, inspectElf, neededLibraries } from '../symbols/elf.js';
import type { HostProgram } from './host-programs.js';

const PROGRAM_DIRS = ['/bin', '/sbin', '/usr/bin', '/usr/sbin'];
/** Where Debian's loader for i386 looks (ld.so(8), multiarch first). */
const LIBRARY_DIRS = ['/lib/i386-linux-gnu', '/usr/lib/i386-linux-gnu', '/lib', '/usr/lib'];

/**
 * Finds a 32-bit program in an unpacked tree of packages, with its loader and all libraries, direct and indirect, as
 * paths of the guest; the tree has their bytes at the same paths. Throws a harness fault when something is missing or
 * is not an i386 program.
 */
export async function readTreeProgram(name: string, root: string): Promise<HostProgram> {
  const refuse = (why: string, cause?: unknown) =>
    harnessFault(
      `cannot put 32-bit program "${name}" into an image: ${why}; remove "${root}" so that it is made again`,
      cause,
    );
  const found = await firstFile(root, name, PROGRAM_DIRS);
  if (found === undefined) throw refuse('the packages do not have it');
  const bytes = await readFile(join(root, found));
  const elf = inspectI386(bytes);
  if (elf === undefined) throw refuse('not an i386 ELF program');
  const path = join(root, found);
  if (elf.interpreter === undefined) return { name, path, bytes, libraries: [] };
  const loader = await firstFile(root, posix.basename(elf.interpreter), [posix.dirname(elf.interpreter)]);
  if (loader === undefined) throw refuse(`its loader ${elf.interpreter} is not in the packages`);
  const libraries = new Set([loader]);
  const waiting = [bytes];
  for (let user = waiting.pop(); user !== undefined; user = waiting.pop()) {
    for (const needed of namesNeeded(user, refuse)) {
      const library = await firstFile(root, needed, LIBRARY_DIRS);
      if (library === undefined) throw refuse(`its library ${needed} is not in the packages`);
      if (libraries.has(library)) continue;
      const file = await readFile(join(root, library));
      if (inspectI386(file) === undefined) throw refuse(`its library ${library} is not an i386 one`);
      libraries.add(library);
      waiting.push(file);
    }
  }
  return { name, path, bytes, libraries: [...libraries].sort() };
}

function inspectI386(bytes: Buffer): ElfProgram | undefined {
  const elf = inspectElf(bytes);
  return elf?.machine === EM_386 && elf.bits === 32 ? elf : undefined;
}

function namesNeeded(file: Buffer, refuse: (why: string, cause?: unknown) => Error): string[] {
  try {
    return neededLibraries(file);
  } catch (error) {
    throw refuse(`a file is damaged (${messageOf(error)})`, error);
  }
}

/** The guest path of the first file of that name; a name with a slash, or a link out of the tree, is not found. */
async function firstFile(root: string, name: string, dirs: readonly string[]): Promise<string | undefined> {
  if (name.includes('/')) return undefined;
  const top = await realpath(root);
  for (const dir of dirs) {
    const guestPath = posix.join(dir, name);
    const real = await realpath(join(root, guestPath)).catch(() => undefined);
    if (real?.startsWith(`${top}${sep}`) === true && (await stat(real)).isFile()) return guestPath;
  }
  return undefined;
}
