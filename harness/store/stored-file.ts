import { constants, closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { writeWhole } from '../cache/write-whole.js';
import { STORE_SCHEMA } from '../model/record.js';
import { storeFault } from './store-fault.js';

/**
 * Writes a text to a temporary file and renames it: readers see the old or the new file, never a part. Mode 0600. Throws
 * a harness fault.
 */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeWhole(path, text, { mode: 0o600 });
  } catch (error) {
    throw storeFault('write', path, error);
  }
}

/** Writes JSON as {@link writeText} does; a bigint becomes hexadecimal text. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const text = JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? `0x${item.toString(16)}` : item),
    1,
  );
  await writeText(path, `${text}\n`);
}

/** Whether there is something at a path that this user can reach. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** A longer text fits into no string. */
const TEXT_BYTES = 0x1fff_ffff;
// The open of a pipe waits for its other end otherwise.
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** Reads a file; throws for what is none: a pipe or a device would never end. */
export async function readStored(path: string): Promise<Buffer> {
  const file = await open(path, READ);
  try {
    const found = await file.stat();
    if (!found.isFile() && !found.isDirectory()) throw new Error('it is no regular file');
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Reads a JSON file; undefined when it is missing, no file, or not JSON. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse((await readStored(path)).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** {@link readJson} for readers of very many files. */
export function readJsonSync(path: string): unknown {
  let file: number | undefined;
  try {
    file = openSync(path, READ);
    const found = fstatSync(file);
    return found.isFile() && found.size < TEXT_BYTES ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Why a stored file cannot be used: it is missing or damaged, or another version of crashpath wrote it. Pure. */
export function whyUnreadable(stored: unknown, name: string): string {
  const schema =
    typeof stored === 'object' && stored !== null && 'schema' in stored ? stored.schema : undefined;
  return typeof schema === 'number' && schema !== STORE_SCHEMA
    ? `its ${name} has schema ${schema}, this crashpath reads ${STORE_SCHEMA}`
    : `it has no valid ${name}`;
}
