import {
  availableDebianKernels,
  configOf,
  installedKernels,
  listKernels,
  missingForCrash,
  removeBuilds,
  removeKernel,
  resolveKernel,
} from '../../kernel/index.js';
import { usageFault } from '../../model/fault.js';
import type { Kernel } from '../../model/kernel.js';
import { cacheOptions, say } from '../context.js';
import { cacheDirectory } from '../directories.js';

/** Resolves a kernel and prints its properties. */
export async function showKernel({ spec, json }: { spec: string; json: boolean }): Promise<void> {
  const kernel = await resolveKernel(spec, cacheOptions());
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
  if (missing === undefined) return 'lacks     unknown: only a run shows whether it can kexec';
  return `lacks     ${missing.length === 0 ? 'nothing that a crash run needs' : missing.join(' ')}`;
}

/** Prints the kernels in the cache, or those that are installed on this host. */
export async function printKernels({
  installed,
  json,
}: {
  installed: boolean;
  json: boolean;
}): Promise<void> {
  if (installed) {
    const { kernels, faults } = await installedKernels(cacheOptions());
    printLines(kernels, { json });
    for (const { message } of faults) say(message);
    if (kernels.length + faults.length === 0) say('no kernels in /boot and /usr/lib/modules');
    return;
  }
  const kernels = await listKernels(cacheOptions());
  printLines(kernels, { json });
  if (kernels.length === 0) say(`no kernels in ${cacheDirectory()}`);
}

function printLines(kernels: readonly Kernel[], { json }: { json: boolean }): void {
  for (const kernel of kernels) {
    process.stdout.write(
      json
        ? `${JSON.stringify(kernel)}\n`
        : `${kernel.sha256.slice(0, 12)}  ${kernel.release}  ${kernel.spec}\n`,
    );
  }
}

/** Prints the kernels that Debian offers. */
export async function printAvailable({ suite }: { suite: string | undefined }): Promise<void> {
  const kernels = await availableDebianKernels({ ...cacheOptions(), suite });
  for (const kernel of kernels) {
    const spec = `debian:${suite === undefined ? '' : `${suite}/`}${kernel.version}`;
    process.stdout.write(`${spec}  ${kernel.packageVersion}\n`);
  }
}

/** Removes a kernel, the intermediate files of builds, or both. */
export async function removeFromCache({
  kernel,
  builds,
}: {
  kernel: string | undefined;
  builds: boolean;
}): Promise<void> {
  if (kernel === undefined && !builds) {
    throw usageFault(
      'cannot remove "nothing": neither a kernel nor --builds is given; see crashpath kernel list',
    );
  }
  if (kernel !== undefined) say(`removed ${(await removeKernel(kernel, cacheOptions())).release}`);
  if (builds) {
    await removeBuilds(cacheOptions());
    say('removed sources, build directories, logs and the compiler cache');
  }
}
