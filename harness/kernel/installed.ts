import { access, constants, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { nearest } from '../model/nearest.js';
import { errnoOf } from '../model/errno.js';
import { isRelease } from './bzimage.js';
import { compareDebianVersions } from './debian/version-order.js';
import { kernelFromFile, unreadable } from './local.js';
import type { KernelOptions } from './options.js';

/** Where a distribution installs the image of a release, the more usual place first. */
const IMAGES = [
  (release: string) => `boot/vmlinuz-${release}`,
  (release: string) => `usr/lib/modules/${release}/vmlinuz`,
  (release: string) => `lib/modules/${release}/vmlinuz`,
];
const MODULE_TREES = ['usr/lib/modules', 'lib/modules'];

/**
 * A kernel that is installed on this host, in place. A usage Fault when there is none of that release, when its image
 * cannot be read, and when it is of another release.
 */
export async function installedKernel(
  release: string,
  spec: string,
  options: KernelOptions,
): Promise<Kernel> {
  const root = options.hostRoot ?? '/';
  let closed: unknown;
  for (const place of IMAGES) {
    const image = join(root, place(release));
    try {
      await access(image, constants.R_OK);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') closed ??= error;
      continue;
    }
    const kernel = await kernelFromFile(image, spec);
    if (kernel.release === release) return kernel;
    throw usageFault(
      `cannot use kernel "${spec}": ${image} calls itself ${kernel.release}; give its path if it is meant`,
    );
  }
  if (closed !== undefined) throw unreadable(spec, closed) ?? closed;
  const near = nearest(release, await installedReleases(options), { howeverFar: true });
  throw usageFault(
    `cannot find kernel "${spec}": no boot/vmlinuz-${release} and no lib/modules/${release}/vmlinuz is installed; installed: ${near.join(', ') || 'none'}`,
  );
}

/**
 * The kernels that are installed on this host, the newest first, and for each that cannot be used the fault, which says
 * why.
 */
export async function installedKernels(
  options: KernelOptions,
): Promise<{ readonly kernels: Kernel[]; readonly faults: Fault[] }> {
  const kernels: Kernel[] = [];
  const faults: Fault[] = [];
  for (const release of await installedReleases(options)) {
    try {
      kernels.push(await installedKernel(release, `installed:${release}`, options));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      faults.push(error);
    }
  }
  return { kernels, faults };
}

/** The releases that are installed on this host, the newest first. Unreadable images are included. */
export async function installedReleases({
  hostRoot = '/',
}: Pick<KernelOptions, 'hostRoot'>): Promise<string[]> {
  const names = async (place: string): Promise<string[]> => readdir(join(hostRoot, place)).catch(() => []);
  const inBoot = (await names('boot')).flatMap((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? []);
  const inTrees = await Promise.all(
    MODULE_TREES.map(async (place) => {
      const releases = await names(place);
      const held = await Promise.all(
        releases.map(async (release) => (await names(join(place, release))).includes('vmlinuz')),
      );
      return releases.filter((_, index) => held[index]);
    }),
  );
  return [...new Set([...inBoot, ...inTrees.flat()])]
    .filter(isRelease)
    .toSorted((a, b) => compareDebianVersions(b, a));
}
