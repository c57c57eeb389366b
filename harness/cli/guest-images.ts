import { buildImages } from '../guest/image/build-images.js';
import { configOf, guestProgramsFor, modulesFor } from '../kernel/index.js';
import type { Kernel } from '../model/kernel.js';
import type { Scenario } from '../model/scenario.js';
import { nicModules } from '../plan/nic.js';
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
      modules: await modulesFor(kernel, [...modules, ...(await driver(kernel))]),
      captureModules:
        capture === undefined ? [] : await modulesFor(captureKernel, await driver(captureKernel)),
      programsRoot: await guestProgramsFor(kernel, options),
      features: trigger.kind === 'ssh' ? ['ssh'] : [],
    },
    options,
  );
  return images.production.path;
}
