import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBuildSpec } from '../spec.js';
import { listBuildRecords } from './build-record.js';
import { sha256 } from './build-key.js';
import { IMAGES_DIR, listVariants } from './variants.js';

/**
 * The specs that mean built kernels in the cache, by key: `build:6.1.192-2/no-zap`. Kernels from a source tree,
 * from a patch of the caller's or with another configuration than today's have none: their directory means them.
 */
export async function specsOfBuilt(cacheDir: string): Promise<Map<string, string>> {
  const records = await listBuildRecords(cacheDir);
  if (records.length === 0) return new Map();
  const fragment = sha256(await readFile(join(IMAGES_DIR, 'kernel.config'), 'utf8'));
  const variants = new Map((await listVariants()).map((variant) => [variant.name, variant]));
  const specs = new Map<string, string>();
  for (const { key, record } of records) {
    const variant = variants.get(record.variant);
    const isToday =
      variant !== undefined &&
      variant.patch?.sha256 === record.patchSha256 &&
      record.fragmentSha256 === fragment &&
      record.package.startsWith('linux-source-');
    if (!isToday) continue;
    specs.set(key, formatBuildSpec({ version: record.packageVersion, variant: record.variant }));
  }
  return specs;
}
