import { readFile } from 'node:fs/promises';
import { delimiter, posix } from 'node:path';
import { execa } from 'execa';
import which from 'which';
import { type Fault, harnessFault } from '../model/fault.js';
import { EM_X86_64, inspectElf } from '../symbols/elf.js';
import { errnoOf } from '../model/errno.js';
import type { Recipes } from './recipe.js';

/** ldd runs the loader once; milliseconds when healthy. */
const LDD_DEADLINE_MS = 10_000;

/** A program of the host, or of a tree of packages, that goes into an image. */
export interface HostProgram {
  readonly name: string;
  /** Absolute host path. */
  readonly path: string;
  readonly bytes: Buffer;
  /** Absolute paths of its libraries and its loader, in the host or in the tree; empty for a static program. */
  readonly libraries: readonly string[];
}

export interface HostOptions {
  /** Colon-separated folders to look in instead of PATH and the sbin folders. */
  readonly searchPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** PATH plus the sbin folders, which ordinary users' PATH lacks and where kexec lives. */
function defaultSearchPath(): string {
  return [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']
    .filter((part) => part !== '')
    .join(delimiter);
}

/**
 * Absolute path of a host program of the recipes' table.
 * Throws a harness Fault whose remedy names the Debian package when it is not installed.
 */
export async function findProgram(
  name: string,
  programs: Recipes['programs'],
  options: HostOptions,
): Promise<string> {
  const found = await which(name, { path: options.searchPath ?? defaultSearchPath(), nothrow: true });
  if (found !== null) return found;
  throw harnessFault(
    `cannot find program "${name}": it is not installed; ${installRemedy(programs[name]?.package ?? name)}`,
  );
}

/**
 * Finds and reads a program that goes into an image, with the libraries its loader asks for. Throws a harness Fault
 * when it is missing, is not an x86-64 program, lacks a library, or is dynamically linked although the table requires a
 * static one.
 */
export async function readProgram(
  name: string,
  programs: Recipes['programs'],
  options: HostOptions,
): Promise<HostProgram> {
  const path = await findProgram(name, programs, options);
  const row = programs[name];
  const refuse = (why: string, cause?: unknown): Fault =>
    harnessFault(
      `cannot put program "${path}" into an image: ${why}; ${installRemedy(row?.package ?? name)}`,
      cause,
    );
  const bytes = await readFile(path, { signal: options.signal }).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    throw refuse(`it cannot be read (${errnoOf(error) ?? 'unknown error'})`, error);
  });
  const elf = inspectElf(bytes);
  if (elf === undefined || elf.machine !== EM_X86_64 || elf.bits !== 64)
    throw refuse('not an x86-64 ELF program');
  if (elf.interpreter === undefined) return { name, path, bytes, libraries: [] };
  if (row?.linkage === 'static') throw refuse(`it is dynamically linked (loader ${elf.interpreter})`);
  const listing = await execa('ldd', [path], {
    // The caller's LD_PRELOAD or LD_LIBRARY_PATH would add libraries that the guest cannot find.
    extendEnv: false,
    env: { PATH: defaultSearchPath(), LC_ALL: 'C' },
    timeout: LDD_DEADLINE_MS,
    killSignal: 'SIGKILL',
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  }).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    throw refuse('ldd did not list its libraries', error);
  });
  const { libraries, missing } = parseLdd(listing.stdout);
  if (missing.length > 0) throw refuse(`its library ${missing[0]} is not installed`);
  // ldd prints the loader under its resolved name on some hosts; the kernel opens exactly the PT_INTERP path.
  return { name, path, bytes, libraries: [...new Set([...libraries, elf.interpreter])].sort() };
}

/**
 * Reads ldd's output: `NAME => PATH (ADDRESS)`, `PATH (ADDRESS)` for the loader, `NAME => not found`; a name
 * without a path is the vDSO, which is no file.
 */
export function parseLdd(text: string): { libraries: string[]; missing: string[] } {
  const libraries: string[] = [];
  const missing: string[] = [];
  for (const line of text.split('\n')) {
    const absent = /^\s*(\S+) => not found/.exec(line);
    if (absent?.[1] !== undefined) missing.push(absent[1]);
    const found = /^\s*(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)\s*$/.exec(line);
    if (found?.[1] !== undefined) libraries.push(posix.normalize(found[1]));
  }
  return { libraries, missing };
}

/** The remedy for a host program, as a command. */
function installRemedy(debianPackage: string): string {
  return `run: apt-get install ${debianPackage}`;
}
