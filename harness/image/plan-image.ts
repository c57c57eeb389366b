import { posix } from 'node:path';
import { harnessFault } from '../model/fault.js';
import { type ImageName, isGuestPath, type RecipeLine } from './recipe.js';

/** The source of a planned file's bytes. */
export type Source =
  | { readonly from: 'script'; readonly name: string }
  /** A script of hexadecimal digits; the file has the bytes. */
  | { readonly from: 'listing'; readonly name: string }
  | { readonly from: 'program'; readonly name: string }
  /** A shared library or the loader, at the same absolute path on the host or in the tree of programs. */
  | { readonly from: 'library'; readonly hostPath: string }
  /** Position in the image's list of modules, from 0. */
  | { readonly from: 'module'; readonly index: number }
  | { readonly from: 'kernel' }
  | { readonly from: 'image' };

/** One entry of an image. `path` has no leading slash, as cpio stores it; `mode` is permission bits only. */
export type PlannedEntry =
  | { readonly kind: 'dir'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly source: Source };

/** The facts about host and caller that a plan needs: names only, no bytes. */
export interface PlanFacts {
  /** Absolute host paths of the libraries of each program; empty for a static one. */
  readonly libraries: ReadonlyMap<string, readonly string[]>;
  /** Module names in load order. */
  readonly modules: readonly string[];
  /** Those of the disk that takes the dump; in the image's list they follow the others. */
  readonly dumpModules?: readonly string[] | undefined;
}

/**
 * The complete list of an image's entries from its recipe, parents before children, in byte order of the path. Throws a
 * harness Fault when two lines have the same path.
 */
export function planImage(image: ImageName, lines: readonly RecipeLine[], facts: PlanFacts): PlannedEntry[] {
  const files = new Map<string, PlannedEntry>();
  const dirs = new Map<string, PlannedEntry>();

  const addFile = (guestPath: string, mode: number, source: Source): void => {
    const path = guestPath.slice(1);
    if (files.has(path)) refuse(image, guestPath, 'two lines put a file there');
    files.set(path, { kind: 'file', path, mode, source });
  };
  const addDir = (guestPath: string, mode: number): void => {
    const path = guestPath.slice(1);
    dirs.set(path, { kind: 'dir', path, mode });
  };

  for (const line of lines) {
    if ('dir' in line) addDir(line.dir, line.mode);
    else if ('script' in line) addFile(line.path, line.mode, { from: 'script', name: line.script });
    else if ('listing' in line) addFile(line.path, line.mode, { from: 'listing', name: line.listing });
    else if ('program' in line) addFile(line.path, line.mode, { from: 'program', name: line.program });
    else if ('kernel' in line) addFile(line.path, line.mode, { from: 'kernel' });
    else if ('image' in line) addFile(line.path, line.mode, { from: 'image' });
    else {
      addDir(line.modules, 0o755);
      const isDump = line.for === 'vmcore';
      const names = isDump ? (facts.dumpModules ?? []) : facts.modules;
      const first = isDump ? facts.modules.length : 0;
      for (const [index, file] of moduleFileNames(names).entries()) {
        addFile(`${line.modules}/${file}`, 0o644, { from: 'module', index: first + index });
      }
    }
  }
  // Programs share libraries, and a path on the host is one file: duplicates are skipped.
  for (const library of neededLibraries(lines, facts)) {
    if (!isGuestPath(library)) refuse(image, library, 'a library path that the guest could not use');
    if (!files.has(library.slice(1))) addFile(library, 0o755, { from: 'library', hostPath: library });
  }
  for (const path of files.keys()) {
    for (let dir = posix.dirname(path); dir !== '.'; dir = posix.dirname(dir)) {
      if (!dirs.has(dir)) addDir(`/${dir}`, 0o755);
    }
  }
  for (const path of dirs.keys()) {
    for (let dir = posix.dirname(path); dir !== '.'; dir = posix.dirname(dir)) {
      if (!dirs.has(dir)) addDir(`/${dir}`, 0o755);
    }
    if (files.has(path)) refuse(image, `/${path}`, 'it would be a file and a directory');
  }
  return [...dirs.values(), ...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * File names of modules: `NN-NAME.ko`, numbered from 00 so that the init's glob loads them in order.
 * Throws a harness Fault for a name that is not a module's.
 */
export function moduleFileNames(names: readonly string[]): string[] {
  const digits = Math.max(2, String(names.length - 1).length);
  return names.map((name, index) => {
    if (!/^[\w-]{1,64}$/.test(name)) {
      throw harnessFault(
        `cannot put module "${name.slice(0, 80)}" into an image: not a module name; use letters, digits, - and _, without .ko`,
      );
    }
    return `${String(index).padStart(digits, '0')}-${name}.ko`;
  });
}

function neededLibraries(lines: readonly RecipeLine[], facts: PlanFacts): Set<string> {
  const programs = lines.flatMap((line) => ('program' in line ? [line.program] : []));
  return new Set(programs.flatMap((program) => facts.libraries.get(program) ?? []));
}

function refuse(image: ImageName, guestPath: string, why: string): never {
  throw harnessFault(
    `cannot plan the ${image} image at "${guestPath.slice(0, 300)}": ${why}; correct images/recipes.yaml`,
  );
}
