import which from 'which';
import { messageOf } from '../../model/errno.js';
import { Fault, harnessFault } from '../../model/fault.js';
import { packageTree, treeCommand } from '../debian/package-tree.js';
import type { KernelOptions } from '../options.js';

/** Reads .rpm with all compressions that distributions use. */
const PROGRAM = 'bsdtar';
const DEBIAN_PACKAGE = 'libarchive-tools';
const DEBIAN_SUITE = 'stable';

/**
 * The command that runs bsdtar: this host's, or else Debian's, fetched into the cache without an installation. A harness
 * Fault when there is none.
 */
export async function bsdtar(options: KernelOptions): Promise<readonly [string, ...string[]]> {
  const own = await which(PROGRAM, { nothrow: true });
  if (own !== null) return [own];
  try {
    const tree = await packageTree({ names: [DEBIAN_PACKAGE], suite: DEBIAN_SUITE }, options);
    return treeCommand(tree, `/usr/bin/${PROGRAM}`);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw harnessFault(
      `cannot read an .rpm without "${PROGRAM}": it is not installed, and Debian's cannot be fetched (${messageOf(error)}); install ${DEBIAN_PACKAGE} (bsdtar)`,
      error,
    );
  }
}
