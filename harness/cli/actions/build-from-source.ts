import { buildKernel, listVariants } from '../../kernel/index.js';
import { cacheOptions } from '../context.js';
import type { BuildOptions } from '../words/kernel.js';

/** Builds a kernel, or takes it from the cache, and prints its spec. */
export async function buildFromSource(argv: BuildOptions): Promise<void> {
  const kernel = await buildKernel(
    {
      source:
        argv.tree === undefined ? { kind: 'debian', series: argv.series } : { kind: 'tree', path: argv.tree },
      variant: argv.variant,
      configFragment: argv.config,
    },
    { ...cacheOptions(), jobs: argv.jobs },
  );
  process.stdout.write(`${kernel.spec}  ${kernel.release}  ${kernel.bzImage}\n`);
}

/** Prints the variants, and what each changes. */
export async function printVariants(): Promise<void> {
  for (const { name, description } of await listVariants())
    process.stdout.write(`${name.padEnd(10)} ${description}\n`);
}
