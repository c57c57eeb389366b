import { mkdir, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { cacheFaultInText, inCache } from '../../cache/cache-fault.js';
import { sha256Of } from '../../cache/sha256.js';
import { harnessFault } from '../../model/fault.js';
import { commitOf, git, openRepository, type Repository } from '../git.js';
import { kernelCache } from '../kernel-cache.js';
import { type KernelOptions, ticking } from '../options.js';
import { KernelDoesNotBuild } from './build-failure.js';
import { OBJ, type KernelSource } from './source.js';
import { versionInMakefile } from './tree-source.js';

/** A whole kernel tree is checked out in half a minute; a busy disk is slower. */
const CHECKOUT_DEADLINE_MS = 20 * 60_000;

/** A commit of a git repository on this host. */
export interface WantedCommit {
  /** A path in the repository, or in one of its work trees. */
  readonly repository: string;
  readonly commit: string;
}

/**
 * A commit as kernel source. It is checked out into the build's own directory by an index of its own, so that neither the
 * user's work tree nor the repository changes; of the next commit only the files that differ are written. Commits with
 * the same files are the same source. Faults: usage when there is no such repository or commit, {@link
 * KernelDoesNotBuild} when the commit holds no kernel.
 */
export async function gitSource(wanted: WantedCommit, options: KernelOptions): Promise<KernelSource> {
  const { signal } = options;
  const repository = await openRepository(wanted.repository, { signal });
  const commit = await commitOf(repository, wanted.commit, { what: 'commit', signal });
  const ask = async (...args: string[]) => {
    const asked = await git(repository, args, { signal });
    return asked.ok ? asked.stdout : undefined;
  };
  const tree = await ask('rev-parse', '--verify', `${commit}^{tree}`);
  const makefile = await ask('cat-file', 'blob', `${commit}:Makefile`);
  const kconfig = await ask('cat-file', '-t', `${commit}:arch/x86/Kconfig`);
  const version = makefile === undefined ? undefined : versionInMakefile(makefile);
  if (tree === undefined || version === undefined || kconfig === undefined) {
    throw new KernelDoesNotBuild(
      `cannot build commit "${commit}" of "${wanted.repository}": it is not the top of a Linux source; give commits that hold Makefile and arch/x86/Kconfig`,
    );
  }
  return {
    sha256: sha256Of(`git tree ${tree}`),
    place: sha256Of(`git ${repository.commonDir}`),
    package: resolve(wanted.repository),
    commit,
    packageVersion: version,
    fill: (dir, fillOptions) =>
      ticking(
        (seconds) => `checking out ${commit.slice(0, 12)}: ${seconds} s`,
        fillOptions,
        () => checkOut(repository, dir, { tree, options: fillOptions }),
      ),
  };
}

/** Only one process at a time comes here (withBuildLock), so a lock of the index is one of a killed process. */
async function checkOut(
  repository: Repository,
  dir: string,
  { tree, options }: { tree: string; options: KernelOptions },
): Promise<void> {
  const index = `${dir}.index`;
  await inCache(kernelCache(options.cacheDir), async () => {
    await mkdir(dir, { recursive: true });
    await rm(`${index}.lock`, { force: true });
  });
  const inDir = async (...args: string[]) => {
    const done = await git(repository, [`--work-tree=${dir}`, ...args], {
      signal: options.signal,
      deadlineMs: CHECKOUT_DEADLINE_MS,
      environment: { GIT_INDEX_FILE: index },
    });
    if (done.ok) return;
    throw (
      cacheFaultInText(kernelCache(options.cacheDir), done.stderr) ??
      harnessFault(
        `cannot check out "${tree}" of "${repository.named}" to "${dir}": ${done.why}; see whether git fsck finds damage, or make room in ${dirname(dir)}`,
      )
    );
  };
  // Files that differ from the index are written again: what a killed process left half done is repaired.
  await inDir('read-tree', '--reset', '-u', tree);
  await inDir('clean', '-ffdxq', '-e', `/${OBJ}`);
}
