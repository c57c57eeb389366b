import { readFile, stat } from 'node:fs/promises';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { Fault, usageFault } from '../model/fault.js';
import { MAX_FILE_CHARACTERS } from '../plan/read-yaml.js';

/** A character has four bytes at most, so anything longer is too long in characters as well. */
const MAX_FILE_BYTES = 4 * MAX_FILE_CHARACTERS;

/** How a file's messages name it. */
export interface TextFile {
  /** What it is meant to be: `scenario`. */
  readonly what: string;
  /** As the caller named it. */
  readonly reference: string;
  readonly remedy: string;
}

/**
 * Reads a small text file that may be anything the caller could name: a device, a directory, gigabytes. Throws a
 * usage fault.
 */
export async function readTextFile(path: string, { what, reference, remedy }: TextFile): Promise<string> {
  const refuse = (why: string, cause?: unknown) =>
    usageFault(`cannot read ${what} "${reference}": ${why}; ${remedy}`, cause);
  try {
    const found = await stat(path);
    // Opening a FIFO would wait for ever, reading a device may never end.
    if (!found.isFile()) throw refuse('it is not a file');
    if (found.size > MAX_FILE_BYTES) throw refuse(`it has ${found.size} bytes, more than any ${what}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse(reasonFor(errnoOf(error)) ?? messageOf(error), error);
  }
}
