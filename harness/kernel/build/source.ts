import type { KernelOptions } from '../options.js';

/** A kernel source that is known, but perhaps not on this host's disk yet. */
export interface KernelSource {
  /** sha256 that decides the content: of the Debian package, or over the files of a tree. */
  readonly sha256: string;
  /** What build directories are shared by: the content, or the place of a tree that is edited between builds. */
  readonly place: string;
  /** `linux-source-6.1`, or the path of the tree. */
  readonly package: string;
  /** `6.1.192-2`; of a tree, what its Makefile says: `6.1.192`. */
  readonly packageVersion: string;
  /**
   * Brings `dir` (absent, or filled earlier from the same `place`) to the source's content. Files that change get
   * the present time, so that make sees them.
   */
  readonly fill: (dir: string, options: KernelOptions) => Promise<void>;
}

/** `6.1` of `6.1.192-2`; the text itself when it has no such beginning. */
export function seriesOf(version: string): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}
