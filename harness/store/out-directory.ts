import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../model/errno.js';
import { usageFault } from '../model/fault.js';
import { STORE_SCHEMA } from '../model/record.js';
import { storeFault } from './store-fault.js';
import { readJson, writeJson } from './stored-file.js';

const MARKER = '.crashpath-store.json';

/**
 * Opens the directory that holds all campaigns, making it (0700) when it is missing or empty. Throws a usage fault for
 * a directory with foreign files or of another schema, a harness fault when it cannot be written.
 */
export async function openOutDirectory(directory: string): Promise<void> {
  if ((await checkOutDirectory(directory)) === 'ours') return;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storeFault('use the output directory', directory, error);
  }
  await writeJson(join(directory, MARKER), { schema: STORE_SCHEMA, what: 'crashpath runs' });
}

/**
 * Checks an output directory without writing: `ours`, or `new` when it is missing or empty. Throws the faults of {@link
 * openOutDirectory} that are known without writing, for use before long preparations.
 */
export async function checkOutDirectory(directory: string): Promise<'ours' | 'new'> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'new';
    throw storeFault('use the output directory', directory, error);
  }
  if (names.length === 0) return 'new';
  const marker = await readJson(join(directory, MARKER));
  const schema =
    typeof marker === 'object' && marker !== null && 'schema' in marker ? marker.schema : undefined;
  if (schema === STORE_SCHEMA) return 'ours';
  throw usageFault(
    schema === undefined
      ? `cannot use the output directory "${directory}": it holds files that are not crashpath's; choose an empty or new --out`
      : `cannot use the output directory "${directory}": it has schema ${JSON.stringify(schema)}, this crashpath writes ${STORE_SCHEMA}; choose a new --out`,
  );
}
