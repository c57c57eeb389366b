import { sha256Of } from '../../cache/sha256.js';
import { parseConfig } from '../config.js';

/** Everything that decides the bytes of a built kernel. */
export interface BuildInputs {
  /** Identity of the source: sha256 of the Debian package, or of the tree's files. */
  readonly sourceSha256: string;
  /** The configuration fragment, without the local version. Its options count, not their order or its comments. */
  readonly fragment: string;
  /** sha256 of the patch; absent for none. */
  readonly patchSha256: string | undefined;
  /** Suffix of the kernel's version: `-cp-no-zap`. */
  readonly localVersion: string;
  /** First lines of the versions of compiler and linker. */
  readonly compiler: string;
}

/** Raised when a change of the build procedure changes the result. */
const RECIPE = 1;

/** sha256 that names a built kernel in the cache, lower-case hex. */
export function buildKey(inputs: BuildInputs): string {
  const parts = [
    `recipe ${RECIPE}`,
    inputs.sourceSha256,
    optionsOf(inputs.fragment),
    inputs.patchSha256 ?? 'none',
    inputs.localVersion,
    inputs.compiler,
  ];
  return sha256Of(JSON.stringify(parts));
}

/** A fragment's options, sorted; of an option that is set twice the last value counts, as it does for Kconfig. */
function optionsOf(fragment: string): string[] {
  return [...parseConfig(fragment)].map(([name, value]) => `${name}=${value}`).sort();
}

/** The suffix of `uname -r` for a variant. */
export function localVersionOf(variant: string): string {
  return `-cp-${variant}`;
}
