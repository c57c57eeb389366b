import type { Argv } from 'yargs';

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

function variantsOf(yargs: Argv): Argv {
  return yargs.example('$0 kernel variants', 'stock, no-zap, zickus');
}
