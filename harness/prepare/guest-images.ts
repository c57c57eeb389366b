import { buildImages } from '../image/build-images.js';
import { configOf, guestProgramsFor, type LoadableModule, modulesFor } from '../kernel/index.js';
import { Fault, usageFault } from '../model/fault.js';
import type { Kernel, RepackedKernel } from '../model/kernel.js';
import type { Scenario } from '../plan/scenario.js';
import { diskModules } from '../plan/disk.js';
import { nicModules } from '../plan/nic.js';
import { needsOf } from '../trigger/triggers.js';
import type { KernelPair } from './kernels.js';
import type { PrepareOptions } from './options.js';

type ImageOptions = Pick<PrepareOptions, 'cacheDir' | 'onProgress'>;

interface ImageChoices {
  /** The capture kernel writes a dump. */
  readonly keepsVmcore: boolean;
  /** What is started in place of the capture kernel. */
  readonly repacked: RepackedKernel | undefined;
}

/**
 * Which image does a scenario boot? Builds the images that it needs, or finds them in the cache. Returns the absolute
 * path of the first kernel's image, which contains the capture kernel and its image.
 */
export async function imageFor(
  { guest, capture, trigger }: Scenario,
  { kernel, captureKernel }: KernelPair,
  { keepsVmcore, repacked, ...options }: ImageOptions & ImageChoices,
): Promise<string> {
  const { nic, disk, modules = [] } = guest;
  const driver = async (of: Kernel, { hasNic = true, hasDisk = true } = {}) => {
    const config = await configOf(of);
    return [
      ...(nic === undefined || !hasNic ? [] : nicModules(nic, config)),
      ...(disk === undefined || !hasDisk ? [] : diskModules(disk, config)),
    ];
  };
  const exercised = { hasNic: capture?.exercise === 'nic', hasDisk: capture?.exercise === 'disk' };
  const images = await buildImages(
    {
      captureKernel: { ...captureKernel, ...startedAs(repacked) },
      modules: await modulesFor(kernel, [
        ...(await modulesOf(kernel, modules, options)),
        ...(await driver(kernel)),
      ]),
      captureModules:
        capture === undefined ? [] : await modulesFor(captureKernel, await driver(captureKernel, exercised)),
      programsRoot: await guestProgramsFor(kernel, options),
      ...(keepsVmcore ? { dumpModules: await dumpModules(captureKernel) } : {}),
      features: [
        ...(needsOf(trigger).includes('ssh') ? ['ssh' as const] : []),
        ...(keepsVmcore ? ['vmcore' as const] : []),
      ],
    },
    options,
  );
  return images.production.path;
}

/** The bytes that are started in place of a kernel. */
function startedAs(repacked: RepackedKernel | undefined): Partial<Pick<Kernel, 'bzImage' | 'sha256'>> {
  return repacked === undefined ? {} : { bzImage: repacked.bzImage, sha256: repacked.sha256 };
}

/** The disk's driver in the kernel's config, and its modules in the order of dependence (Debian 6.1 and 6.12). */
const DISK_DRIVER = { CONFIG_VIRTIO_PCI: 'virtio_pci', CONFIG_VIRTIO_BLK: 'virtio_blk' } as const;

/** The modules with which a capture kernel drives the disk. Throws a usage fault when it has no such driver. */
async function dumpModules(kernel: Kernel): Promise<readonly LoadableModule[]> {
  const config = await configOf(kernel);
  const wanted = Object.entries(DISK_DRIVER).filter(([option]) => config?.get(option) !== 'y');
  try {
    const missing = wanted.find(([option]) => config !== undefined && config.get(option) !== 'm');
    if (missing !== undefined) throw usageFault(`its config has no ${missing[0]}`);
    return await modulesFor(
      kernel,
      wanted.map(([, name]) => name),
    );
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== 'usage') throw error;
    throw usageFault(
      `cannot keep the vmcore of kernel "${kernel.spec}": it has no driver for the virtio disk that takes it: ${error.message}; leave out --keep-vmcore, or give a capture kernel with CONFIG_VIRTIO_PCI and CONFIG_VIRTIO_BLK`,
      error,
    );
  }
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
