import type { CommandModule } from 'yargs';
import {
  availableDebianKernels,
  configOf,
  listKernels,
  missingForCrash,
  removeKernel,
  resolveKernel,
} from '../kernel/index.js';
import type { Kernel } from '../model/kernel.js';
import { cacheDirectory, say } from './context.js';

const options = () => ({ cacheDir: cacheDirectory(), onProgress: say });

/** `crashpath kernel`: resolve, fetch, list and remove kernels. */
export const kernelCommand: CommandModule = {
  command: 'kernel',
  describe: 'Resolve, list and remove kernels',
  builder: (yargs) =>
    yargs
      .command(
        'show <spec>',
        'Resolve a kernel (fetching it if need be) and show what it is',
        (sub) =>
          sub
            .positional('spec', { type: 'string', demandOption: true, describe: SPEC })
            .example('$0 kernel show debian:6.1', 'Newest 6.1 of the configured suites')
            .example('$0 kernel show debian:bullseye/5.10', 'From another suite')
            .example('$0 kernel show arch/x86/boot/bzImage', 'One that you built'),
        async ({ spec }) => {
          const kernel = await resolveKernel(spec, options());
          const config = await configOf(kernel);
          const missing = config === undefined ? undefined : missingForCrash(config);
          process.stdout.write(`${describe(kernel)}\n`);
          process.stdout.write(
            missing === undefined
              ? 'config    unknown: whether it can kexec shows when it runs\n'
              : `lacks     ${missing.length === 0 ? 'nothing that a crash run needs' : missing.join(' ')}\n`,
          );
        },
      )
      .command(
        'list',
        'List the kernels in the cache',
        (sub) => sub,
        async () => {
          for (const kernel of await listKernels(options())) {
            process.stdout.write(`${kernel.sha256.slice(0, 12)}  ${kernel.release}  ${kernel.spec}\n`);
          }
        },
      )
      .command(
        'available [suite]',
        'List the kernels that Debian offers',
        (sub) =>
          sub
            .positional('suite', {
              type: 'string',
              describe: 'A suite that is not configured here, e.g. bullseye',
            })
            .example('$0 kernel available', 'Of the configured suites'),
        async ({ suite }) => {
          const kernels = await availableDebianKernels({
            ...options(),
            ...(suite === undefined ? {} : { suite }),
          });
          for (const kernel of kernels) {
            process.stdout.write(
              `debian:${suite === undefined ? '' : `${suite}/`}${kernel.version}  ${kernel.packageVersion}\n`,
            );
          }
        },
      )
      .command(
        'rm <kernel>',
        'Remove a kernel from the cache',
        (sub) =>
          sub.positional('kernel', { type: 'string', demandOption: true, describe: 'Release or sha256' }),
        async ({ kernel }) => {
          await removeKernel(kernel, options());
        },
      )
      .demandCommand(1, 'name a kernel command: show, list, available or rm'),
  handler: () => undefined,
};

/** What `--kernel` takes. */
export const SPEC =
  'bzImage, .deb, directory with vmlinuz-*, or debian:[SUITE/]VERSION (debian:6.1 = newest of the series)';

function describe(kernel: Kernel): string {
  return [
    `release   ${kernel.release}`,
    `bzImage   ${kernel.bzImage}`,
    `sha256    ${kernel.sha256}`,
    `modules   ${kernel.modulesDir ?? 'none'}`,
    `config    ${kernel.config ?? 'unknown'}`,
  ].join('\n');
}
