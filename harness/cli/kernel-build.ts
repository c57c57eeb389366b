import type { ArgumentsCamelCase, Argv } from 'yargs';
import { buildKernel, listVariants } from '../kernel/index.js';
import { usageFault } from '../model/fault.js';
import { say } from './context.js';
import { cacheDirectory } from './places.js';

/** `crashpath kernel build VARIANT`: words and options. */
export const BUILD_COMMAND = { command: 'build <variant>', builder: buildOf } as const;
/** `crashpath kernel variants`. */
export const VARIANTS_COMMAND = { command: 'variants', builder: variantsOf } as const;

/** Words of `kernel build`. */
export interface BuildArguments {
  variant: string;
  series: string;
  tree: string | undefined;
  config: string | undefined;
  jobs: string | undefined;
}

function buildOf(yargs: Argv): Argv<BuildArguments> {
  return yargs
    .positional('variant', {
      type: 'string',
      demandOption: true,
      describe: 'stock, a name of `kernel variants`, or the path of a patch',
    })
    .option('series', {
      type: 'string',
      default: '6.1',
      requiresArg: true,
      describe: "Debian's linux-source of that series",
    })
    .option('tree', {
      type: 'string',
      requiresArg: true,
      describe: 'A kernel source tree, instead of Debian sources',
    })
    .option('config', {
      type: 'string',
      requiresArg: true,
      describe: "A configuration fragment on top of crashpath's own",
    })
    .option('jobs', {
      type: 'string',
      requiresArg: true,
      describe: 'Compilers at a time (default: one per CPU)',
    })
    .example('$0 kernel build stock', "Debian's 6.1 source, unpatched: minutes the first time")
    .example('$0 kernel build no-zap --series 6.12', 'A variant: well under a minute once stock is built')
    .example('$0 kernel build ./mine.patch --tree ~/src/linux', 'Your patch on your tree');
}

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

function variantsOf(yargs: Argv): Argv {
  return yargs.example('$0 kernel variants', 'stock, no-zap, zickus');
}

/** Prints the variants with what each changes. */
export async function variants(): Promise<void> {
  for (const { name, description } of await listVariants())
    process.stdout.write(`${name.padEnd(10)} ${description}\n`);
}
