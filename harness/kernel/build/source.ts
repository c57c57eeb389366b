import type { KernelOptions } from '../options.js';

/** The build directory below a source, so that Kbuild calls the source `..`: build directories can be copied. */
export const OBJ = 'crashpath-build';

/** A resolved kernel source, which may not be on this host's disk yet. */
export interface KernelSource {
  /** sha256 that decides the content: of the Debian package, over the files of a tree, or of a commit's tree object. */
  readonly sha256: string;
  /** Key by which build directories are shared: the content, or the path of a tree (of a repository) whose content changes between builds. */
  readonly place: string;
  /** `linux-source-6.1`, or the path of the tree or repository. */
  readonly package: string;
  /** The commit, of a git repository; absent for other sources. */
  readonly commit?: string | undefined;
  /** `6.1.192-2`; of a tree, the version in its Makefile: `6.1.192`. */
  readonly packageVersion: string;
  /**
   * Updates `dir` (absent, or filled earlier from the same `place`) to the source's content. Changed files get the
   * current time, so that make rebuilds them.
   */
  readonly fill: (dir: string, options: KernelOptions) => Promise<void>;
}

/** `6.1` of `6.1.192-2`; the text itself when it has no such prefix. */
export function seriesOf(version: string): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}
