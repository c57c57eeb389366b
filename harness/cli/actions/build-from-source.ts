import { type BuildRequest, buildKernel, listVariants } from '../../kernel/index.js';
import { usageFault } from '../../model/fault.js';
import { cacheOptions } from '../context.js';
import type { BuildOptions } from '../words/kernel.js';

/** Builds a kernel, or takes it from the cache, and prints its spec. */
export async function buildFromSource(argv: BuildOptions): Promise<void> {
  const kernel = await buildKernel(
    {
      source: sourceOf(argv),
      variant: argv.variant,
      configFragment: argv.config,
    },
    { ...cacheOptions(), jobs: argv.jobs },
  );
  process.stdout.write(`${kernel.spec}  ${kernel.release}  ${kernel.bzImage}\n`);
}

function sourceOf({ tree, commit, series, variant }: BuildOptions): BuildRequest['source'] {
  if (tree !== undefined && commit !== undefined) return { kind: 'git', repository: tree, commit };
  if (tree !== undefined) return { kind: 'tree', path: tree };
  if (commit === undefined) return { kind: 'debian', series };
  throw usageFault(
    `cannot build kernel "${variant}" from --commit "${commit}": no git tree is given; give --tree DIR`,
  );
}

/** Prints the variants, and what each changes. */
export async function printVariants(): Promise<void> {
  for (const { name, description } of await listVariants())
    process.stdout.write(`${name.padEnd(10)} ${description}\n`);
}
