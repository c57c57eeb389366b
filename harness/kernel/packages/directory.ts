import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isPackageFile } from '../spec.js';

/** Names of packages with a kernel's image, modules or config, of Debian, Ubuntu, Fedora, RHEL and SUSE. */
const OF_A_KERNEL = /^(?:linux-(?:image|binary|modules|base)|kernel)(?:[-_]|$)/;
/** And of those which come beside them: debug symbols have a gigabyte, and none holds a kernel that boots here. */
const BESIDE =
  /(?:^|[-_.])(?:dbg|dbgsym|debuginfo|debugsource|devel|headers|docs?|tools|selftests|uki|abi)(?:[-_.]|$)/;

/** The packages in a directory that may belong to a kernel, by their file names, in order. */
export async function kernelPackagesIn(dir: string): Promise<string[]> {
  const names = await readdir(dir);
  return names
    .filter(isKernelPackageFile)
    .sort()
    .map((name) => join(dir, name));
}

/** True for the file name of a package that may hold a kernel or a part of one. Pure. */
export function isKernelPackageFile(name: string): boolean {
  if (!isPackageFile(name)) return false;
  // The version, which follows the name, may hold any word.
  const own = name.endsWith('.deb') ? (name.split('_')[0] ?? '') : name.replace(/-[^-]*-[^-]*$/, '');
  return OF_A_KERNEL.test(own) && !BESIDE.test(own);
}
