import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { inCache } from '../cachefault.js';

const RECORD_FILE = 'build.json';

const recordSchema = z.object({
  format: z.literal(1),
  variant: z.string(),
  /** Where the source came from: `linux-source-6.1`, or the path of a tree. */
  package: z.string(),
  packageVersion: z.string(),
  sourceSha256: z.string(),
  fragmentSha256: z.string(),
  patchSha256: z.string().optional(),
  compiler: z.string(),
  /** Seconds from the start of its make to the kernel. */
  seconds: z.number(),
});

/** How a kernel in the cache was built; lies next to its kernel.json. */
export type BuildRecord = z.infer<typeof recordSchema>;

/** Writes the record into a tree that goes into the cache. */
export async function writeBuildRecord(cacheDir: string, tree: string, record: BuildRecord): Promise<void> {
  await inCache(cacheDir, () =>
    writeFileAtomic(join(tree, RECORD_FILE), `${JSON.stringify(record, undefined, 2)}\n`),
  );
}

/** The records of all kernels in the cache that were built, by key; damaged ones count as absent. */
export async function listBuildRecords(cacheDir: string): Promise<{ key: string; record: BuildRecord }[]> {
  const kernels = join(resolve(cacheDir), 'kernels');
  const keys = await readdir(kernels).catch(() => []);
  const found = await Promise.all(
    keys.map(async (key) => {
      try {
        const text = await readFile(join(kernels, key, RECORD_FILE), 'utf8');
        return [{ key, record: recordSchema.parse(JSON.parse(text)) }];
      } catch {
        return [];
      }
    }),
  );
  return found.flat();
}
