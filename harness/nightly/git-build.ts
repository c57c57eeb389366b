import { commitOf, openRepository } from '../kernel/git.js';
import { buildKernel, type KernelOptions } from '../kernel/index.js';
import type { Kernel } from '../model/kernel.js';
import type { GitBuild } from './works.js';

/**
 * Builds the commit that a reference means now. The user's work tree is neither read nor changed; files that did not
 * change since the last build are not compiled again. Throws usage faults for a repository or a reference that is none,
 * and for a kernel that does not build.
 */
export async function buildFromGit(
  { git, ref, variant, config }: GitBuild,
  options: KernelOptions,
): Promise<{ kernel: Kernel; commit: string }> {
  const { signal } = options;
  const commit = await commitOf(await openRepository(git, { signal }), ref, {
    what: 'the reference',
    signal,
  });
  const source = { kind: 'git', repository: git, commit } as const;
  return { kernel: await buildKernel({ source, variant, configFragment: config }, options), commit };
}
