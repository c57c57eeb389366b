import { resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { buildKernel } from './build/build.js';
import { commitOf, openRepository } from './git.js';
import type { KernelOptions } from './options.js';
import { COMMIT_DIGITS, type GitSpec } from './spec.js';

/**
 * The kernel of a ref of a git tree on this host, with patches and configuration fragments, built unless the cache has it.
 * The ref is what git finds at this moment, and the work tree does not matter; commits with the same files are one kernel.
 * Its label has the commit, because releases of one tree are alike. Throws the faults of {@link buildKernel}, and a usage
 * Fault for a tree or a ref that does not exist.
 */
export async function kernelFromGit(wanted: GitSpec, spec: string, options: KernelOptions): Promise<Kernel> {
  const { tree, ref, patches, fragments } = wanted;
  const { signal } = options;
  const repository = await openRepository(tree, { signal }).catch((error: unknown) => {
    if (!spec.slice(spec.indexOf('@') + 1).includes('@')) throw error;
    throw usageFault(
      `cannot read kernel spec "${spec}": there is no git tree "${tree}", and the first @ ends its path; name a tree whose path has an @ by a symbolic link`,
      error,
    );
  });
  const commit = await commitOf(repository, ref, { what: 'ref', signal });
  const source = { kind: 'git', repository: resolve(tree), commit } as const;
  const kernel = await buildKernel({ source, variant: patches, configFragment: fragments }, options);
  return { ...kernel, spec, label: `${kernel.release}-g${commit.slice(0, COMMIT_DIGITS)}` };
}
