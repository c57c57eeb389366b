import { type KernelOptions, listKernels, resolveKernel } from '../kernel/index.js';
import { messageOf } from '../model/errno.js';
import { Fault, usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Bundle } from './read-bundle.js';

/** Most characters of a foreign spec in a message. */
const SPEC_MAX = 200;

/** Options of {@link findKernels}. */
export interface FindOptions extends KernelOptions {
  /** The bundle, for messages. */
  readonly file: string;
  /** Specs that the receiver gave. */
  readonly given: { readonly kernel: string | undefined; readonly captureKernel: string | undefined };
}

/**
 * The kernels of a bundle on this host: its own, or, for a bundle of hashes, the ones with these hashes: where the receiver
 * says, in the cache, or from a package of Debian that their spec names. Throws a usage fault when there is none.
 */
export async function findKernels(
  { held, plan }: Pick<Bundle, 'held' | 'plan'>,
  options: FindOptions,
): Promise<{ kernel: Kernel; captureKernel: Kernel }> {
  const { given, file } = options;
  const named = given.kernel ?? given.captureKernel;
  if (held !== undefined) {
    if (named === undefined) return held;
    throw usageFault(
      `cannot use kernel "${named}" with bundle "${file}": it holds its kernels; drop it, or run its scenario with crashpath run`,
    );
  }
  const kernel = await find(plan.kernel, given.kernel, options);
  if (plan.captureKernel.sha256 === plan.kernel.sha256) return { kernel, captureKernel: kernel };
  return { kernel, captureKernel: await find(plan.captureKernel, given.captureKernel, options) };
}

async function find(
  wanted: RunPlan['kernel'],
  given: string | undefined,
  options: FindOptions,
): Promise<Kernel> {
  const { release, sha256, spec } = wanted;
  const what = `${release} with sha256 ${sha256.slice(0, 12)}...`;
  if (given !== undefined) {
    const kernel = await resolveKernel(given, options);
    if (kernel.sha256 === sha256) return kernel;
    throw usageFault(
      `cannot reproduce bundle "${options.file}" with kernel "${given}": it is ${kernel.release} with sha256 ${kernel.sha256.slice(0, 12)}..., the run had ${what}; give that one`,
    );
  }
  const cached = (await listKernels(options)).find((kernel) => kernel.sha256 === sha256);
  if (cached !== undefined) return cached;
  const refuse = (why: string, { cause, give = `with ${what}` }: { cause?: unknown; give?: string } = {}) =>
    usageFault(
      `cannot reproduce bundle "${options.file}": it names its kernel by hash, and ${why}; give --kernel ${give}`,
      cause,
    );
  // A build takes minutes and runs compilers: only the receiver can ask for one.
  if (spec.startsWith('build:'))
    throw refuse(`${what} is not in the cache`, { give: `${spec}, which builds it` });
  // Only packages of Debian's signed archive are fetched on a bundle's word; a path would be one of this host.
  if (spec.startsWith('git:')) throw refuse(`the sender built it from git, as ${spec.slice(0, SPEC_MAX)}`);
  if (!spec.startsWith('debian:')) throw refuse('the sender had it as a file');
  options.onProgress?.(`looking for ${spec}`);
  const kernel = await resolveKernel(spec, options).catch((error: unknown) => {
    throw error instanceof Fault && error.kind === 'usage'
      ? refuse(messageOf(error), { cause: error })
      : error;
  });
  if (kernel.sha256 === sha256) return kernel;
  throw refuse(`${spec} is another kernel here`);
}
