import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { messageOf } from '../model/errno.js';
import { writeWhole } from './write-whole.js';

/**
 * Stores a file for later runs, in a directory that is made when needed. Returns undefined, or why it could not be
 * stored: a cache that cannot be written only costs time, so it is no error.
 */
export async function keepFile(path: string, content: string | Uint8Array): Promise<string | undefined> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, content);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The content of a JSON file. An absent, damaged or foreign one counts as absent: cached files can be made again. */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
