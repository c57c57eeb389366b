import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type CacheEntry,
  entryDir,
  entryId,
  kernelOfEntry,
  listAllRefs,
  listEntries,
  listUnverifiedEntries,
  removeEntry,
} from './kernel-cache.js';
import { errnoOf } from '../model/errno.js';
import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { nearest } from '../model/nearest.js';
import { specsOfBuilt } from './build/build-record.js';
import { buildKernel } from './build/build.js';
import { isVariantName, listVariants } from './build/variants.js';
import { compareDebianVersions } from './debian/version-order.js';
import { kernelFromDebian } from './debian/debian-kernel.js';
import { kernelFromGit } from './git-kernel.js';
import { installedKernel } from './installed.js';
import { kernelFromDirectory, kernelFromFile, unreadable } from './local.js';
import type { KernelOptions } from './options.js';
import { kernelFromPackages } from './packages/cache-packages.js';
import { kernelPackagesIn } from './packages/directory.js';
import { removeRepacked } from './repack/repack.js';
import { formatDebianSpec, isPackageFile, parseSpec } from './spec.js';

/** Shorter prefixes of a sha256 are too ambiguous. */
const ID_MIN_LENGTH = 8;

/** The series from which a bare variant name (`no-zap`) is built. */
const VARIANT_SERIES = '6.1';

/**
 * Resolves a kernel spec to bytes on this host: the path of a bzImage, a package or a directory, several packages
 * (`a.deb+b.deb`), `installed:RELEASE`, `debian:[SUITE/]VERSION[-cloud|-rt]`, `debian:SUITE`,
 * `build:[SUITE/]VERSION/VARIANT` or `git:TREE@REF[+PATCH...]` (built when it is not in the cache). The bare name of a
 * variant (`no-zap`) is `build:6.1/no-zap`; a file of that name is `./no-zap`. Faults: usage for a spec that names no
 * usable kernel, harness when the cache, the network or a tool fails. An abort throws the signal's reason and leaves
 * nothing half-made.
 */
export async function resolveKernel(spec: string, options: KernelOptions): Promise<Kernel> {
  options.signal?.throwIfAborted();
  const parsed = parseSpec(spec);
  switch (parsed.kind) {
    case 'debian':
      return await kernelFromDebian(parsed, spec, options);
    case 'build': {
      const { version: series, suite, variant } = parsed;
      const kernel = await buildKernel({ source: { kind: 'debian', series, suite }, variant }, options);
      return { ...kernel, spec };
    }
    case 'git':
      return await kernelFromGit(parsed, spec, options);
    case 'installed':
      return await installedKernel(parsed.release, spec, options);
    case 'packages':
      return await kernelFromPackages(
        parsed.paths.map((path) => resolve(path)),
        spec,
        options,
      );
    case 'path':
      return await kernelFromPath(parsed.path, spec, options);
  }
}

async function kernelFromPath(given: string, spec: string, options: KernelOptions): Promise<Kernel> {
  if (await isVariantName(given)) {
    const source = { kind: 'debian', series: VARIANT_SERIES } as const;
    return { ...(await buildKernel({ source, variant: given }, options)), spec };
  }
  const path = resolve(given);
  const found = await stat(path).catch(async (error: unknown) => {
    throw (await misspelt(given, error)) ?? unreadable(spec, error) ?? error;
  });
  if (found.isDirectory()) return await kernelInDirectory(path, spec, options);
  if (!found.isFile()) {
    throw usageFault(
      `cannot use kernel "${spec}": it is neither a file nor a directory; give the path of a bzImage, a .deb, an .rpm or a directory`,
    );
  }
  return isPackageFile(path)
    ? await kernelFromPackages([path], spec, options)
    : await kernelFromFile(path, spec);
}

/** A word that is no path, and almost the name of a variant. */
async function misspelt(given: string, error: unknown): Promise<Error | undefined> {
  if (errnoOf(error) !== 'ENOENT' || given.includes('/')) return undefined;
  const [near] = nearest(
    given,
    (await listVariants()).map(({ name }) => name),
  );
  if (near === undefined) return undefined;
  return usageFault(
    `cannot read kernel "${given}": no such file or directory, and no variant of that name; did you mean "${near}"? See crashpath kernel variants`,
    error,
  );
}

/** An image takes precedence over packages, which a build may have left beside it. */
async function kernelInDirectory(path: string, spec: string, options: KernelOptions): Promise<Kernel> {
  const kernel = await kernelFromDirectory(path, spec);
  if (kernel !== undefined) return kernel;
  const packages = await kernelPackagesIn(path);
  if (packages.length > 0) return await kernelFromPackages(packages, spec, { ...options, mayBeIdle: true });
  throw usageFault(
    `cannot find a kernel in "${spec}": the directory holds no vmlinuz-*, vmlinuz or bzImage, no lib/modules/*/vmlinuz and no package of a kernel; give the path of a bzImage`,
  );
}

/**
 * The intact kernels in the cache, by release. Each `spec` resolves to its kernel without the network: its Debian name
 * or that of its build; for any other its directory in the cache.
 */
export async function listKernels({ cacheDir }: KernelOptions): Promise<Kernel[]> {
  return kernelsOf(await listEntries(cacheDir), cacheDir);
}

/**
 * The specs of the kernels in the cache, by release, for a shell's completion: fast, because no kernel image is read.
 * Damaged kernels are included; {@link resolveKernel} detects them.
 */
export async function listKernelSpecs({ cacheDir }: KernelOptions): Promise<string[]> {
  const kernels = await kernelsOf(await listUnverifiedEntries(cacheDir), cacheDir);
  return kernels.map(({ spec }) => spec);
}

async function kernelsOf(entries: readonly CacheEntry[], cacheDir: string): Promise<Kernel[]> {
  const names = await specsOfBuilt(cacheDir);
  for (const { suite, ref } of await listAllRefs(cacheDir)) {
    if (!names.has(ref.debSha256)) names.set(ref.debSha256, formatDebianSpec(suite, ref.version));
  }
  return entries
    .toSorted((a, b) => compareDebianVersions(a.release, b.release) || entryId(a).localeCompare(entryId(b)))
    .map((entry) =>
      kernelOfEntry(cacheDir, entry, names.get(entryId(entry)) ?? entryDir(cacheDir, entryId(entry))),
    );
}

/**
 * Removes a kernel from the cache: by release, or by a prefix (8 characters or more) of the sha256 of its bzImage or
 * package. Returns the removed kernel; a usage Fault when no kernel, or more than one, matches.
 */
export async function removeKernel(idOrRelease: string, options: KernelOptions): Promise<Kernel> {
  const entries = await listEntries(options.cacheDir);
  const meant = entries.filter((entry) => isMeant(entry, idOrRelease));
  const [entry] = meant;
  if (entry === undefined) {
    const releases = entries.map(({ release }) => release);
    const names = nearest(idOrRelease, releases, { howeverFar: true }).join(', ');
    throw usageFault(
      `cannot remove kernel "${idOrRelease}": it is not in the cache; nearest: ${names || 'none, the cache is empty'}`,
    );
  }
  if (meant.length > 1) {
    const ids = meant.map((one) => `${entryId(one).slice(0, 12)} (${one.packageVersion})`);
    throw usageFault(
      `cannot remove kernel "${idOrRelease}": ${meant.length} packages have it; give one of ${ids.join(', ')}`,
    );
  }
  await removeEntry(options.cacheDir, entryId(entry));
  await removeRepacked(options.cacheDir, entry.bzImageSha256);
  return kernelOfEntry(options.cacheDir, entry, idOrRelease);
}

function isMeant(entry: CacheEntry, idOrRelease: string): boolean {
  if (entry.release === idOrRelease) return true;
  if (idOrRelease.length < ID_MIN_LENGTH) return false;
  return entryId(entry).startsWith(idOrRelease) || entry.bzImageSha256.startsWith(idOrRelease);
}
