import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { withTempDir } from '../../cache/cache-directory.js';
import { inCache } from '../../cache/cache-fault.js';
import { sha256Of, sha256OfFile } from '../../cache/sha256.js';
import { escapeHostText } from '../../model/escape.js';
import { harnessFault, usageFault } from '../../model/fault.js';
import type { Kernel } from '../../model/kernel.js';
import { type CacheEntry, findEntry, installEntry, kernelCache, kernelOfEntry } from '../kernel-cache.js';
import { unreadable } from '../local.js';
import type { KernelOptions } from '../options.js';
import { bsdtar } from './bsdtar.js';
import { describePackage, DpkgMissing, type PackageFields } from './describe-package.js';
import { arrangeTree, isImagePlace } from './kernel-tree.js';
import { BadPackage, type TarCommand, unpackTar } from './unpack-package.js';

/** Options of {@link cachePackages}. */
export interface PackageOptions extends KernelOptions {
  /** Packages that hold nothing of a kernel are left out; they are refused when false. */
  readonly mayBeIdle?: boolean | undefined;
}

/**
 * The kernel of package files: `.deb` or `.rpm`, one or several, which are unpacked into the cache, without root, unless
 * they are there. Faults: usage for packages that are damaged, for another architecture, or not of one kernel; harness when
 * the cache cannot be written or a program is missing.
 */
export async function kernelFromPackages(
  paths: readonly string[],
  spec: string,
  options: PackageOptions,
): Promise<Kernel> {
  return kernelOfEntry(options.cacheDir, await cachePackages(paths, spec, options), spec);
}

/** Puts the kernel of packages into the cache, if it is not there already, and returns its entry. */
export async function cachePackages(
  paths: readonly string[],
  spec: string,
  options: PackageOptions,
): Promise<CacheEntry> {
  const { cacheDir } = options;
  const sums: string[] = [];
  for (const path of paths) {
    const sum = await sha256OfFile(path, options.signal).catch((error: unknown) => {
      throw unreadable(path, error) ?? error;
    });
    sums.push(sum);
  }
  const id = packagesId(sums);
  const known = await findEntry(cacheDir, id);
  if (known !== undefined) return known;
  return await withTempDir(kernelCache(cacheDir), async (dir) => {
    const tree = join(dir, 'tree');
    await inCache(kernelCache(cacheDir), () => mkdir(join(tree, 'lib'), { recursive: true }));
    const owners: { readonly fields: PackageFields; readonly places: readonly string[] }[] = [];
    // A package that is named twice is one.
    for (const path of paths.filter((_, index) => sums.indexOf(sums[index] ?? '') === index)) {
      options.onProgress?.(`unpacking ${basename(path)}`);
      const fields = await naming(path, () => describePackage(path, options.signal));
      const places = await naming(path, () => unpack(path, tree, options));
      if (places.length === 0 && paths.length > 1 && options.mayBeIdle !== true) {
        throw badPackage(path, 'it holds neither a kernel image nor modules');
      }
      owners.push({ fields, places: places.filter(isImagePlace) });
    }
    const { image, ...kernel } = await naming(spec, () =>
      inCache(kernelCache(cacheDir), () => arrangeTree(tree, spec)),
    );
    const { name, version } = owners.find(({ places }) => places.includes(image))?.fields ?? {
      name: '',
      version: '',
    };
    const entry: CacheEntry = { package: name, packageVersion: version, debSha256: id, format: 1, ...kernel };
    await installEntry(cacheDir, tree, entry);
    return entry;
  });
}

/** The id of packages in the cache, whatever their order: the sha256 of the only one, or over those of all. Pure. */
export function packagesId(sums: readonly string[]): string {
  const [first = '', ...others] = [...new Set(sums)].sort();
  return others.length === 0 ? first : sha256Of(`packages\n${[first, ...others].join('\n')}\n`);
}

async function unpack(path: string, tree: string, options: KernelOptions): Promise<string[]> {
  const command: TarCommand = path.endsWith('.rpm')
    ? [...(await bsdtar(options)), '-cf', '-', `@${path}`]
    : ['dpkg-deb', '--fsys-tarfile', path];
  return await inCache(kernelCache(options.cacheDir), () => unpackTar(command, tree, options.signal));
}

/** Runs work on a package, or on all of them; what is wrong with it becomes a Fault that names it. */
async function naming<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BadPackage) throw badPackage(what, error.message, error);
    if (!(error instanceof DpkgMissing)) throw error;
    throw harnessFault(
      `cannot unpack package "${what}": dpkg-deb is not installed; install dpkg, or give the path of a bzImage`,
      error,
    );
  }
}

function badPackage(what: string, why: string, cause?: unknown): Error {
  return usageFault(
    `cannot use package "${what}": ${escapeHostText(why)}; give complete packages of one kernel, that with its image among them (not a meta, -dbg or headers package)`,
    cause,
  );
}
