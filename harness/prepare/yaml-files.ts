import { readdir, readFile, stat } from 'node:fs/promises';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { Fault, usageFault } from '../model/fault.js';
import { MAX_FILE_CHARACTERS } from '../plan/read-yaml.js';

/** A character has four bytes at most, so anything longer is too long in characters as well. */
const MAX_FILE_BYTES = 4 * MAX_FILE_CHARACTERS;

/** The name of a file in messages. */
export interface NamedFile {
  /** Its expected kind: `scenario`. */
  readonly what: string;
  /** The caller's reference to it. */
  readonly reference: string;
  readonly remedy: string;
}

/** Whether a reference is a path, not the name of a file that crashpath ships. Pure. */
export function isPath(reference: string): boolean {
  return reference.includes('/') || /\.ya?ml$/.test(reference);
}

/** Names of the `.yaml` files in a directory, sorted, without the extension. */
export async function yamlNames(directory: string): Promise<string[]> {
  const files = await readdir(directory);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/**
 * Reads a small text file. The path may be anything that the caller could type: a device, a directory, gigabytes.
 * Throws a usage fault.
 */
export async function readTextFile(path: string, { what, reference, remedy }: NamedFile): Promise<string> {
  const refuse = (why: string, cause?: unknown) =>
    usageFault(`cannot read ${what} "${reference}": ${why}; ${remedy}`, cause);
  try {
    const found = await stat(path);
    // Opening a FIFO blocks until it has a writer, and reading a device may never end.
    if (!found.isFile()) throw refuse('it is not a file');
    if (found.size > MAX_FILE_BYTES) throw refuse(`it has ${found.size} bytes, more than any ${what}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse(reasonFor(errnoOf(error)) ?? messageOf(error), error);
  }
}
