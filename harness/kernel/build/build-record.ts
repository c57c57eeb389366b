import { readFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { isDirectory, namesIn } from '../../cache/cache-directory.js';
import { inCache } from '../../cache/cache-fault.js';
import { readJsonFile } from '../../cache/kept-file.js';
import { sha256Of } from '../../cache/sha256.js';
import { writeWhole } from '../../cache/write-whole.js';
import { kernelCache } from '../kernel-cache.js';
import { COMMIT_DIGITS, formatBuildSpec, formatGitSpec } from '../spec.js';
import { IMAGES_DIR, listVariants } from './variants.js';

const RECORD_FILE = 'build.json';

const recordSchema = z.object({
  format: z.literal(1),
  variant: z.string(),
  /** Where the source came from: `linux-source-6.1`, or the path of a tree. */
  package: z.string(),
  packageVersion: z.string(),
  /** The commit of a git repository. */
  commit: z.string().optional(),
  sourceSha256: z.string(),
  fragmentSha256: z.string(),
  patchSha256: z.string().optional(),
  compiler: z.string(),
  /** Seconds from the start of its make to the kernel. */
  seconds: z.number(),
});

/** How a kernel in the cache was built; stored next to its kernel.json. */
export type BuildRecord = z.infer<typeof recordSchema>;

/** Writes the record into a tree that goes into the cache. */
export async function writeBuildRecord(cacheDir: string, tree: string, record: BuildRecord): Promise<void> {
  await inCache(kernelCache(cacheDir), () =>
    writeWhole(join(tree, RECORD_FILE), `${JSON.stringify(record, undefined, 2)}\n`),
  );
}

/** The records of all kernels in the cache that were built, by key; damaged ones count as absent. */
export async function listBuildRecords(cacheDir: string): Promise<{ key: string; record: BuildRecord }[]> {
  const keys = await namesIn(kernelCache(cacheDir), 'kernels');
  const found = await Promise.all(
    keys.map(async (key) => {
      const record = await readJsonFile(join(resolve(cacheDir), 'kernels', key, RECORD_FILE), recordSchema);
      return record === undefined ? [] : [{ key, record }];
    }),
  );
  return found.flat();
}

/**
 * The specs of built kernels in the cache, by key: `build:6.1.192-2/no-zap`, `git:/home/me/linux@4d3c2b1a0f9e`. Kernels
 * from a source tree, from a repository that is gone, from a patch of the caller or with another configuration than
 * today's have none: they are named by their directory.
 */
export async function specsOfBuilt(cacheDir: string): Promise<Map<string, string>> {
  const records = await listBuildRecords(cacheDir);
  if (records.length === 0) return new Map();
  const fragment = sha256Of(await readFile(join(IMAGES_DIR, 'kernel.config'), 'utf8'));
  const variants = new Map((await listVariants()).map((variant) => [variant.name, variant]));
  const specs = new Map<string, string>();
  for (const { key, record } of records) {
    const variant = variants.get(record.variant);
    const isToday =
      variant !== undefined &&
      variant.patch?.sha256 === record.patchSha256 &&
      record.fragmentSha256 === fragment;
    const spec = isToday ? await specOf(record) : undefined;
    if (spec !== undefined) specs.set(key, spec);
  }
  return specs;
}

async function specOf({ package: from, packageVersion: version, variant, commit }: BuildRecord) {
  if (from.startsWith('linux-source-')) return formatBuildSpec({ version, variant });
  if (commit === undefined || !isAbsolute(from) || !(await isDirectory(from))) return undefined;
  return formatGitSpec({
    tree: from,
    ref: commit.slice(0, COMMIT_DIGITS),
    patches: variant === 'stock' ? [] : [variant],
  });
}
