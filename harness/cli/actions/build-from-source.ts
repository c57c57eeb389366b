import type { ArgumentsCamelCase } from 'yargs';
import { buildKernel, listVariants } from '../../kernel/index.js';
import { usageFault } from '../../model/fault.js';
import { say } from '../context.js';
import type { BuildArguments } from '../kernel-build.js';
import { cacheDirectory } from '../directories.js';

/** Builds, or takes from the cache, and prints what the kernel is called from now on. */
export async function buildFromSource(argv: ArgumentsCamelCase<BuildArguments>): Promise<void> {
  const jobs = argv.jobs === undefined ? undefined : Number(argv.jobs);
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1 && jobs <= 256)) {
    throw usageFault(`cannot use --jobs "${argv.jobs}": it must be a whole number from 1 to 256; correct it`);
  }
  const kernel = await buildKernel(
    {
      source:
        argv.tree === undefined ? { kind: 'debian', series: argv.series } : { kind: 'tree', path: argv.tree },
      variant: argv.variant,
      configFragment: argv.config,
    },
    { cacheDir: cacheDirectory(), onProgress: say, jobs },
  );
  process.stdout.write(`${kernel.spec}  ${kernel.release}  ${kernel.bzImage}\n`);
}

/** Prints the variants with what each changes. */
export async function printVariants(): Promise<void> {
  for (const { name, description } of await listVariants())
    process.stdout.write(`${name.padEnd(10)} ${description}\n`);
}
