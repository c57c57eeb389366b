import type { Argv, CommandModule } from 'yargs';
import {
  availableDebianKernels,
  configOf,
  listKernels,
  missingForCrash,
  removeBuilds,
  removeKernel,
  resolveKernel,
} from '../kernel/index.js';
import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { say } from './context.js';
import { BUILD_COMMAND, buildFromSource, variants, VARIANTS_COMMAND } from './kernel-build.js';
import { CRASH_POINTS_COMMAND, crashPoints } from './kernel-crash-points.js';
import { cacheDirectory } from './places.js';

/** What `--kernel` takes. */
export const SPEC =
  'bzImage, .deb, directory with vmlinuz-*, debian:[SUITE/]VERSION (debian:6.1 = newest of the series), ' +
  'build:VERSION/VARIANT or a variant alone (crashpath kernel variants)';

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
const options = () => ({ cacheDir: cacheDirectory(), onProgress: say });

/** `crashpath kernel`: resolve, fetch, list and remove kernels. */
export const kernelCommand: CommandModule = {
  command: 'kernel',
  describe: 'Resolve, build, list and remove kernels',
  builder: (yargs) =>
    yargs
      .command({
        ...KERNEL_COMMANDS.show,
        describe: 'Resolve a kernel (fetching it if need be) and show what it is',
        handler: show,
      })
      .command({ ...KERNEL_COMMANDS.list, describe: 'List the kernels in the cache', handler: list })
      .command({
        ...KERNEL_COMMANDS.available,
        describe: 'List the kernels that Debian offers',
        handler: available,
      })
      .command({
        ...KERNEL_COMMANDS.rm,
        describe: 'Remove a kernel, or what only makes builds faster, from the cache',
        handler: rm,
      })
      .command({
        ...KERNEL_COMMANDS.build,
        describe: 'Build a kernel from source, with a variant of images/patches or a patch of your own',
        handler: buildFromSource,
      })
      .command({
        ...KERNEL_COMMANDS.variants,
        describe: 'List the variants that come with crashpath',
        handler: variants,
      })
      .command({
        ...KERNEL_COMMANDS['crash-points'],
        describe: 'Boot a kernel and list the crash points and types of its lkdtm',
        handler: crashPoints,
      })
      .demandCommand(1, 'name a kernel command: show, list, available, rm, build, variants or crash-points')
      .example('$0 kernel list', 'What the cache holds'),
  handler: () => undefined,
};

function showOf(yargs: Argv) {
  return yargs
    .positional('spec', { type: 'string', demandOption: true, describe: SPEC })
    .option('json', JSON_OPTION)
    .example('$0 kernel show debian:6.1', 'Newest 6.1 of the configured suites')
    .example('$0 kernel show debian:bullseye/5.10', 'From another suite')
    .example('$0 kernel show arch/x86/boot/bzImage', 'One that you built');
}

async function show({ spec, json }: { spec: string; json: boolean }): Promise<void> {
  const kernel = await resolveKernel(spec, options());
  const config = await configOf(kernel);
  const missing = config === undefined ? undefined : missingForCrash(config);
  process.stdout.write(
    json
      ? `${JSON.stringify({ ...kernel, missingForCrash: missing ?? null })}\n`
      : `${describe(kernel)}\n${verdictOn(missing)}\n`,
  );
}

function describe(kernel: Kernel): string {
  return [
    `release   ${kernel.release}`,
    `bzImage   ${kernel.bzImage}`,
    `sha256    ${kernel.sha256}`,
    `modules   ${kernel.modulesDir ?? 'none'}`,
    `config    ${kernel.config ?? 'unknown'}`,
  ].join('\n');
}

function verdictOn(missing: readonly string[] | undefined): string {
  if (missing === undefined) return 'lacks     unknown: whether it can kexec shows when it runs';
  return `lacks     ${missing.length === 0 ? 'nothing that a crash run needs' : missing.join(' ')}`;
}

function listOf(yargs: Argv) {
  return yargs
    .option('json', JSON_OPTION)
    .example('$0 kernel list --json', 'For a script')
    .example('$0 kernel list', 'sha256, release and the spec that means it');
}

async function list({ json }: { json: boolean }): Promise<void> {
  const kernels = await listKernels(options());
  for (const kernel of kernels) {
    process.stdout.write(
      json
        ? `${JSON.stringify(kernel)}\n`
        : `${kernel.sha256.slice(0, 12)}  ${kernel.release}  ${kernel.spec}\n`,
    );
  }
  if (kernels.length === 0) say(`no kernels in ${cacheDirectory()}`);
}

function availableOf(yargs: Argv) {
  return yargs
    .positional('suite', { type: 'string', describe: 'A suite that is not configured here, e.g. bullseye' })
    .example('$0 kernel available', 'Of the configured suites')
    .example('$0 kernel available bullseye', 'Of another one');
}

async function available({ suite }: { suite: string | undefined }): Promise<void> {
  const kernels = await availableDebianKernels({ ...options(), ...(suite === undefined ? {} : { suite }) });
  for (const kernel of kernels) {
    const spec = `debian:${suite === undefined ? '' : `${suite}/`}${kernel.version}`;
    process.stdout.write(`${spec}  ${kernel.packageVersion}\n`);
  }
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

async function rm({ kernel, builds }: { kernel: string | undefined; builds: boolean }): Promise<void> {
  if (kernel === undefined && !builds) {
    throw usageFault(
      'cannot remove "nothing": neither a kernel nor --builds is given; see crashpath kernel list',
    );
  }
  if (kernel !== undefined) say(`removed ${(await removeKernel(kernel, options())).release}`);
  if (builds) {
    await removeBuilds(options());
    say('removed sources, build directories, logs and the compiler cache');
  }
}
