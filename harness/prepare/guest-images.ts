import { buildImages } from '../image/build-images.js';
import { configOf, guestProgramsFor, modulesFor } from '../kernel/index.js';
import { Fault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { Scenario } from '../plan/scenario.js';
import { nicModules } from '../plan/nic.js';
import { needsOf } from '../trigger/triggers.js';
import type { KernelPair } from './kernels.js';
import type { PrepareOptions } from './options.js';

type ImageOptions = Pick<PrepareOptions, 'cacheDir' | 'onProgress'>;

/**
 * Which image does a scenario boot? Builds the images that it needs, or finds them in the cache. Returns the absolute
 * path of the first kernel's image, which contains the capture kernel and its image.
 */
export async function imageFor(
  { guest, capture, trigger }: Scenario,
  { kernel, captureKernel }: KernelPair,
  options: ImageOptions,
): Promise<string> {
  const { nic, modules = [] } = guest;
  const driver = async (of: Kernel) => (nic === undefined ? [] : nicModules(nic, await configOf(of)));
  const images = await buildImages(
    {
      captureKernel,
      modules: await modulesFor(kernel, [
        ...(await modulesOf(kernel, modules, options)),
        ...(await driver(kernel)),
      ]),
      captureModules:
        capture === undefined ? [] : await modulesFor(captureKernel, await driver(captureKernel)),
      programsRoot: await guestProgramsFor(kernel, options),
      features: needsOf(trigger).includes('ssh') ? ['ssh'] : [],
    },
    options,
  );
  return images.production.path;
}

/**
 * The modules of a scenario that the kernel has. Without one of them the scenario cannot reach its state: its proof
 * fails and its runs are void. Other scenarios and kernels of the campaign are not affected.
 */
async function modulesOf(
  kernel: Kernel,
  names: readonly string[],
  { onProgress }: ImageOptions,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) {
    try {
      await modulesFor(kernel, [name]);
      found.push(name);
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'usage') throw error;
      onProgress?.(`${error.message}; a scenario that needs it is void there`);
    }
  }
  return found;
}
