import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { messageOf } from '../model/errno.js';
import { writeWhole } from './write-whole.js';

/**
 * Keeps a file for later runs, making its directory when needed. Returns undefined, or why it could not be kept: a
 * cache that cannot be written costs time, nothing else, so that is no error.
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

/** What a JSON file says. An absent, damaged or foreign one counts as absent: what is cached can be made again. */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
