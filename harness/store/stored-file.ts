import { readFile } from 'node:fs/promises';
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

/** Reads a JSON file; undefined when it is missing or not JSON. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
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
