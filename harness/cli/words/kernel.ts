import type { Argv, CommandModule } from 'yargs';
import { BUILD_COMMAND, VARIANTS_COMMAND } from '../kernel-build.js';
import { CRASH_POINTS_COMMAND } from '../kernel-crash-points.js';
import { SPEC } from '../kernel-spec.js';

/** What {@link kernelCommand} holds: positionals and options by command. */
export const KERNEL_COMMANDS = {
  show: { command: 'show <spec>', builder: showOf },
  list: { command: 'list', builder: listOf },
  available: { command: 'available [suite]', builder: availableOf },
  rm: { command: 'rm [kernel]', builder: rmOf },
  build: BUILD_COMMAND,
  variants: VARIANTS_COMMAND,
  'crash-points': CRASH_POINTS_COMMAND,
} as const;

const JSON_OPTION = {
  type: 'boolean',
  default: false,
  describe: 'JSON on stdout, one object a line',
} as const;

/** `crashpath kernel`: resolve, fetch, list and remove kernels. */
export const kernelCommand: CommandModule = {
  command: 'kernel',
  describe: 'Resolve, build, list and remove kernels',
  builder: (yargs) =>
    yargs
      .command({
        ...KERNEL_COMMANDS.show,
        describe: 'Resolve a kernel (fetching it if need be) and show what it is',
        handler: async (argv) => (await actions()).showKernel(argv),
      })
      .command({
        ...KERNEL_COMMANDS.list,
        describe: 'List the kernels in the cache',
        handler: async (argv) => (await actions()).printKernels(argv),
      })
      .command({
        ...KERNEL_COMMANDS.available,
        describe: 'List the kernels that Debian offers',
        handler: async (argv) => (await actions()).printAvailable(argv),
      })
      .command({
        ...KERNEL_COMMANDS.rm,
        describe: 'Remove a kernel, or what only makes builds faster, from the cache',
        handler: async (argv) => (await actions()).removeFromCache(argv),
      })
      .command({
        ...KERNEL_COMMANDS.build,
        describe: 'Build a kernel from source, with a variant of images/patches or a patch of your own',
        handler: async (argv) => (await import('../actions/build-from-source.js')).buildFromSource(argv),
      })
      .command({
        ...KERNEL_COMMANDS.variants,
        describe: 'List the variants that come with crashpath',
        handler: async () => (await import('../actions/build-from-source.js')).printVariants(),
      })
      .command({
        ...KERNEL_COMMANDS['crash-points'],
        describe: 'Boot a kernel and list the crash points and types of its lkdtm',
        handler: async (argv) => (await import('../actions/print-crash-points.js')).printCrashPoints(argv),
      })
      .demandCommand(1, 'name a kernel command: show, list, available, rm, build, variants or crash-points')
      .example('$0 kernel list', 'What the cache holds'),
  handler: () => undefined,
};

const actions = () => import('../actions/kernels.js');

function showOf(yargs: Argv) {
  return yargs
    .positional('spec', { type: 'string', demandOption: true, describe: SPEC })
    .option('json', JSON_OPTION)
    .example('$0 kernel show debian:6.1', 'Newest 6.1 of the configured suites')
    .example('$0 kernel show debian:bullseye/5.10', 'From another suite')
    .example('$0 kernel show arch/x86/boot/bzImage', 'One that you built');
}

function listOf(yargs: Argv) {
  return yargs
    .option('json', JSON_OPTION)
    .example('$0 kernel list --json', 'For a script')
    .example('$0 kernel list', 'sha256, release and the spec that means it');
}

function availableOf(yargs: Argv) {
  return yargs
    .positional('suite', { type: 'string', describe: 'A suite that is not configured here, e.g. bullseye' })
    .example('$0 kernel available', 'Of the configured suites')
    .example('$0 kernel available bullseye', 'Of another one');
}

function rmOf(yargs: Argv) {
  return yargs
    .positional('kernel', { type: 'string', describe: 'Release or sha256' })
    .option('builds', {
      type: 'boolean',
      default: false,
      describe: 'Remove sources, build directories, logs and the compiler cache; kernels stay',
    })
    .example('$0 kernel rm 6.1.0-56-amd64', 'By release')
    .example('$0 kernel rm --builds', 'The next build begins from nothing');
}
