import {
  type BuiltDistribution,
  buildDistribution,
  listDistributions,
  removeDistribution,
} from '../../distribution/build.js';
import { cacheOptions, say } from '../context.js';
import { cacheDirectory } from '../directories.js';

/** Builds a distribution, or takes it from the cache, and prints what it is. */
export async function buildOne({ spec, json }: { spec: string; json: boolean }): Promise<void> {
  const built = await buildDistribution(spec, cacheOptions());
  process.stdout.write(json ? `${JSON.stringify(built)}\n` : describe(built));
}

/** Prints the distributions in the cache. */
export async function printDistributions({ json }: { json: boolean }): Promise<void> {
  const all = await listDistributions(cacheDirectory());
  for (const one of all) {
    const { key, spec, release, directory } = one;
    process.stdout.write(json ? `${JSON.stringify(one)}\n` : `${key}  ${spec}  ${release}  ${directory}\n`);
  }
  if (all.length === 0) say(`no distributions in ${cacheDirectory()}`);
}

/** Removes distributions from the cache. */
export async function removeOne({ distribution }: { distribution: string }): Promise<void> {
  for (const { spec, key } of await removeDistribution(distribution, cacheDirectory()))
    say(`removed ${spec} (${key})`);
}

function describe({ spec, key, release, disk, diskBytes, builtAt, packages }: BuiltDistribution): string {
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return `${[
    `spec      ${spec} (${key}, built ${builtAt})`,
    `kernel    ${release}`,
    `disk      ${disk} (${Math.round(diskBytes / 1024 / 1024)} MiB, sparse)`,
    `packages  ${versions.join(', ')}`,
  ].join('\n')}\n`;
}
