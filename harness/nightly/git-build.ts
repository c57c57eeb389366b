import { mkdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { sha256Of } from '../cache/sha256.js';
import { buildKernel, type KernelOptions } from '../kernel/index.js';
import { runTool } from '../kernel/tool.js';
import { messageOf } from '../model/errno.js';
import { harnessFault, usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { GitBuild } from './works.js';

const GIT_DEADLINE_MS = 30 * 60_000;

/**
 * Builds a commit of a git repository, from a work tree of crashpath's own ({@link checkOut}). Throws usage faults for a
 * reference that means no commit and a kernel that does not build.
 */
export async function buildFromGit(
  { git, ref, variant, config }: GitBuild,
  options: KernelOptions,
): Promise<{ kernel: Kernel; commit: string }> {
  const { tree, commit } = await checkOut({ git, ref }, options);
  const request = { source: { kind: 'tree', path: tree }, variant, configFragment: config } as const;
  return { kernel: await buildKernel(request, options), commit };
}

/**
 * Checks a commit out in the cache, in a work tree that shares the repository's objects: the user's files are neither read
 * nor changed, and files that did not change between nights keep their times and are not compiled again. Throws a usage
 * fault when that is no repository, or has no such commit.
 */
export async function checkOut(
  { git, ref }: Pick<GitBuild, 'git' | 'ref'>,
  options: KernelOptions,
): Promise<{ tree: string; commit: string }> {
  const run = async (args: readonly string[], what: string) => {
    const ended = await runTool(['git', ...args], { deadlineMs: GIT_DEADLINE_MS, signal: options.signal });
    if (ended.ok) return ended.stdout.trim();
    const remedy = ended.missing ? 'install git' : 'check the path and the reference';
    throw usageFault(`cannot ${what} "${git}": ${ended.why}; ${remedy}`);
  };
  const commit = await run(
    ['-C', git, 'rev-parse', '--verify', '--end-of-options', `${ref}^{commit}`],
    `find "${ref}" in the git repository`,
  );
  if (!/^[0-9a-f]{40,64}$/.test(commit)) {
    throw usageFault(`cannot find "${ref}" in the git repository "${git}": it is no commit; name another`);
  }
  const parent = join(resolve(options.cacheDir), 'sources', 'git');
  const tree = join(parent, sha256Of(resolve(git)).slice(0, 16));
  await mkdir(parent, { recursive: true }).catch((error: unknown) => {
    throw harnessFault(`cannot make "${parent}": ${messageOf(error)}; set CRASHPATH_CACHE`, error);
  });
  if (!(await isThere(join(tree, '.git')))) {
    await rm(tree, { recursive: true, force: true });
    options.onProgress?.(`checking out ${ref} of ${git}`);
    await run(['clone', '--quiet', '--shared', '--no-checkout', '--', git, tree], 'clone the git repository');
  }
  await run(['-C', tree, 'checkout', '--quiet', '--force', '--detach', commit], `check out "${ref}" of`);
  await run(['-C', tree, 'clean', '-dfqx'], 'clean the work tree of');
  return { tree, commit };
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
