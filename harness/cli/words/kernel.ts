import type { Argv } from 'yargs';
import type { GroupWords, WordsOf } from './command-words.js';
import { factor, nonEmpty, wholeNumber } from './option-values.js';
import { jsonOption, single, SPEC } from './shared-options.js';

const JSON_LINES = jsonOption('Print JSON, one object per line');

/** Options of `kernel build`. */
export interface BuildOptions {
  variant: string;
  series: string;
  tree: string | undefined;
  commit: string | undefined;
  config: string | undefined;
  jobs: number | undefined;
}

/** Options of `kernel crash-points`. */
export interface CrashPointsOptions {
  spec: string;
  'timeout-scale': number | undefined;
  json: boolean;
}

const show = {
  command: 'show <spec>',
  describe: 'Resolve a kernel, fetching or building it if necessary, and show what it is',
  builder: (yargs: Argv) =>
    yargs
      .positional('spec', { type: 'string', demandOption: true, describe: SPEC })
      .option('json', JSON_LINES)
      .example('$0 kernel show debian:6.1', 'The newest 6.1 of the configured suites')
      .example('$0 kernel show debian:bullseye/5.10', 'From another suite')
      .example('$0 kernel show arch/x86/boot/bzImage', 'A kernel that you built'),
} satisfies WordsOf<{ spec: string; json: boolean }>;

const list = {
  command: 'list',
  describe: 'List the kernels in the cache, or those that are installed',
  builder: (yargs: Argv) =>
    yargs
      .option('installed', {
        type: 'boolean',
        default: false,
        describe: 'List the kernels that are installed on this host instead',
      })
      .option('json', JSON_LINES)
      .example('$0 kernel list', 'sha256, release, and the spec that means it')
      .example('$0 kernel list --installed', 'Of /boot and /usr/lib/modules')
      .example('$0 kernel list --json', 'For a script'),
} satisfies WordsOf<{ installed: boolean; json: boolean }>;

const available = {
  command: 'available [suite]',
  describe: 'List the kernels that Debian offers',
  builder: (yargs: Argv) =>
    yargs
      .positional('suite', { type: 'string', describe: 'A suite that is not configured here, e.g. bullseye' })
      .example('$0 kernel available', 'Of the configured suites')
      .example('$0 kernel available bullseye', 'Of another suite'),
} satisfies WordsOf<{ suite: string | undefined }>;

const rm = {
  command: 'rm [kernel]',
  describe: 'Remove a kernel, or the intermediate files of builds, from the cache',
  builder: (yargs: Argv) =>
    yargs
      .positional('kernel', { type: 'string', describe: 'Release, or the first digits of its sha256' })
      .option('builds', {
        type: 'boolean',
        default: false,
        describe: 'Remove sources, build directories, logs and the compiler cache; keep all kernels',
      })
      .example('$0 kernel rm 6.1.0-56-amd64', 'By release')
      .example('$0 kernel rm --builds', 'The next build starts from scratch'),
} satisfies WordsOf<{ kernel: string | undefined; builds: boolean }>;

const build = {
  command: 'build <variant>',
  describe: 'Build a kernel from source, with a variant of images/patches or with a patch of yours',
  builder: (yargs: Argv) =>
    yargs
      .positional('variant', {
        type: 'string',
        demandOption: true,
        describe: 'stock, another name of crashpath kernel variants, or the path of a patch',
      })
      .option('series', {
        type: 'string',
        default: '6.1',
        requiresArg: true,
        describe: 'Kernel series: its newest linux-source package of Debian is built',
      })
      .option('tree', {
        ...single(nonEmpty('--tree')),
        describe: "Kernel source tree to build instead of Debian's",
      })
      .option('commit', {
        ...single(nonEmpty('--commit')),
        describe: 'Commit of --tree, a git tree, to build instead of what is checked out there',
      })
      .option('config', {
        ...single(nonEmpty('--config')),
        describe: "Configuration fragment that is merged into crashpath's own",
      })
      .option('jobs', {
        ...single(wholeNumber('--jobs', { least: 1, most: 256 })),
        describe: 'Number of compiler processes (default: one per host CPU)',
      })
      .example('$0 kernel build stock', "Debian's 6.1, unpatched: takes minutes the first time")
      .example('$0 kernel build no-zap --series 6.12', 'A variant: under a minute once stock is built')
      .example('$0 kernel build ./mine.patch --tree ~/src/linux', 'Your patch on your tree'),
} satisfies WordsOf<BuildOptions>;

const variants = {
  command: 'variants',
  describe: 'List the variants that come with crashpath',
  builder: (yargs: Argv) => yargs.example('$0 kernel variants', 'Each name, and what the variant changes'),
} satisfies WordsOf<object>;

const crashPoints = {
  command: 'crash-points <spec>',
  describe: 'Boot a kernel and list the crash points and crash types of its lkdtm',
  builder: (yargs: Argv) =>
    yargs
      .positional('spec', {
        type: 'string',
        demandOption: true,
        describe: 'Kernel, in the forms that crashpath run --kernel takes',
      })
      .option('timeout-scale', {
        ...single(factor('--timeout-scale', { least: 0.1, most: 100 })),
        describe: 'Factor on every deadline, for slow hosts and slow kernels (default 1)',
      })
      .option('json', jsonOption('Print one JSON object'))
      .example('$0 kernel crash-points stock', 'The stock variant, which has lkdtm built in'),
} satisfies WordsOf<CrashPointsOptions>;

/** `crashpath kernel`: resolve, build, list and remove kernels. */
export const KERNEL = {
  command: 'kernel',
  describe: 'Resolve, build, list and remove kernels',
  commands: { show, list, available, rm, build, variants, 'crash-points': crashPoints },
  example: ['$0 kernel list', 'The kernels in the cache'],
} as const satisfies GroupWords;
