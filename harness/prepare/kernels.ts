import { configOf, missingForCrash, repackKernel, resolveKernel } from '../kernel/index.js';
import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { Repack } from '../plan/guest-defaults.js';
import { requireDirectable } from '../plan/make-plan.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { PrepareOptions } from './options.js';
import type { PlannedCell } from './trials.js';

/** The kernel that crashes and the one that captures. */
export interface KernelPair {
  readonly kernel: Kernel;
  readonly captureKernel: Kernel;
}

/** The kernels of a cell; a kernel without a capture kernel of its own is its own capture kernel. */
export type KernelsOf = (cell: PlannedCell) => KernelPair;

/**
 * Which kernels do the cells' specs mean, and can these kernels run the scenarios? Resolves each spec once, fetching or
 * building it when it is not in the cache. Throws a usage fault for a spec that means no kernel, a pair of different
 * widths, a choreography on a 32-bit kernel, and a config that cannot crash and capture.
 */
export async function resolveKernels(
  cells: readonly PlannedCell[],
  options: Pick<PrepareOptions, 'cacheDir' | 'onProgress'>,
): Promise<KernelsOf> {
  const kernels = new Map<string, Kernel>();
  for (const spec of specsOf(cells)) kernels.set(spec, await resolveKernel(spec, options));
  const kernelOf = (spec: string): Kernel => {
    const kernel = kernels.get(spec);
    if (kernel === undefined) throw new Error(`kernel ${spec} was not resolved`);
    return kernel;
  };
  const kernelsOf: KernelsOf = ({ spec, captureSpec }) => ({
    kernel: kernelOf(spec),
    captureKernel: kernelOf(captureSpec ?? spec),
  });
  for (const cell of cells) {
    requireOneWidth(kernelsOf(cell));
    requireDirectable(cell.scenario, kernelOf(cell.spec));
  }
  await requireCrashSupport(cells, kernelsOf);
  return kernelsOf;
}

/** What is started in place of the kernels of a pair, by what the caller asked for. Throws the faults of {@link repackKernel}. */
export async function repackedPair(
  { kernel, captureKernel }: KernelPair,
  {
    repack,
    ...options
  }: Pick<PrepareOptions, 'cacheDir' | 'onProgress'> & { readonly repack: Repack | undefined },
): Promise<RunPlan['repacked']> {
  if (repack === undefined) return undefined;
  return {
    ...(repack === 'capture' ? {} : { first: await repackKernel(kernel, options) }),
    ...(repack === 'first' ? {} : { capture: await repackKernel(captureKernel, options) }),
  };
}

/** Each spec once, capture kernels first. */
function specsOf(cells: readonly PlannedCell[]): ReadonlySet<string> {
  const captures = cells.flatMap(({ captureSpec }) => (captureSpec === undefined ? [] : [captureSpec]));
  return new Set([...captures, ...cells.map(({ spec }) => spec)]);
}

/** One image serves both kernels, and kexec-tools loads only a kernel of its own width. */
function requireOneWidth({ kernel, captureKernel }: KernelPair): void {
  const [bits, captureBits] = [kernel.bits ?? 64, captureKernel.bits ?? 64];
  if (bits === captureBits) return;
  throw usageFault(
    `cannot use capture kernel "${captureKernel.spec}": it is a ${captureBits}-bit kernel, and ${kernel.spec} a ${bits}-bit one; give a capture kernel of the same width`,
  );
}

/** Refuses, before anything boots, a kernel whose config, where it is known, cannot crash and capture. */
async function requireCrashSupport(cells: readonly PlannedCell[], kernelsOf: KernelsOf): Promise<void> {
  const armed = cells.filter(({ scenario }) => scenario.crashKernel !== 'absent');
  const kernels = armed.map(kernelsOf).flatMap(({ kernel, captureKernel }) => [kernel, captureKernel]);
  for (const candidate of new Set(kernels)) {
    const config = await configOf(candidate);
    const missing = config === undefined ? [] : missingForCrash(config);
    if (missing.length > 0) {
      throw usageFault(
        `cannot use kernel "${candidate.spec}": its config lacks ${missing.join(', ')}; build it with them or choose another kernel`,
      );
    }
  }
}
