import { buildImages } from '../image/build-images.js';
import { configOf, guestProgramsFor, modulesFor } from '../kernel/index.js';
import { Fault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { Scenario } from '../plan/scenario.js';
import { nicModules } from '../plan/nic.js';
import { needsOf } from '../trigger/triggers.js';
import { say } from './context.js';
import { cacheDirectory } from './places.js';

/** Makes the images that a scenario needs, or finds them in the cache: absolute path of the production image. */
export async function imageFor(
  { guest, capture, trigger }: Scenario,
  { kernel, captureKernel }: { kernel: Kernel; captureKernel: Kernel },
): Promise<string> {
  const options = { cacheDir: cacheDirectory(), onProgress: say };
  const { nic, modules = [] } = guest;
  const driver = async (of: Kernel) => (nic === undefined ? [] : nicModules(nic, await configOf(of)));
  const images = await buildImages(
    {
      captureKernel,
      modules: await modulesFor(kernel, [
        ...(await modulesItHas(kernel, modules)),
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
 * Without a module of its own a scenario cannot reach its state, so that its proof is not given and its runs are void.
 * Other scenarios and kernels of the same campaign are none the worse for it.
 */
async function modulesItHas(kernel: Kernel, names: readonly string[]): Promise<readonly string[]> {
  const had: string[] = [];
  for (const name of names) {
    try {
      await modulesFor(kernel, [name]);
      had.push(name);
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'usage') throw error;
      say(`${error.message}; a scenario that needs it is void there`);
    }
  }
  return had;
}
