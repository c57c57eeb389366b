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
import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { nearest } from '../model/nearest.js';
import { specsOfBuilt } from './build/build-record.js';
import { buildKernel } from './build/build.js';
import { isVariantName } from './build/variants.js';
import { compareDebianVersions } from './debian/version-order.js';
import { kernelFromDeb } from './debian/deb.js';
import { kernelFromDebian } from './debian/debian-kernel.js';
import { kernelFromDirectory, kernelFromFile, unreadable } from './local.js';
import type { KernelOptions } from './options.js';
import { removeRepacked } from './repack/repack.js';
import { formatDebianSpec, parseSpec } from './spec.js';

/** Shorter prefixes of a sha256 are too ambiguous. */
const ID_MIN_LENGTH = 8;

/** The series from which a bare variant name (`no-zap`) is built. */
const VARIANT_SERIES = '6.1';

/**
 * Resolves a kernel spec to bytes on this host: the path of a bzImage, a .deb or a directory,
 * `debian:[SUITE/]VERSION[-cloud|-rt]`, or `build:[SUITE/]VERSION/VARIANT` (built when it is not in the cache). The
 * bare name of a variant (`no-zap`) is `build:6.1/no-zap`; a file of that name is `./no-zap`. Faults: usage for a spec that names no usable kernel, harness when the
 * cache, the network or a tool fails. An abort throws the signal's reason and leaves nothing half-made.
 */
export async function resolveKernel(spec: string, options: KernelOptions): Promise<Kernel> {
  options.signal?.throwIfAborted();
  const parsed = parseSpec(spec);
  if (parsed.kind === 'debian') return await kernelFromDebian(parsed, spec, options);
  if (parsed.kind === 'build') {
    const { version: series, suite, variant } = parsed;
    const kernel = await buildKernel({ source: { kind: 'debian', series, suite }, variant }, options);
    return { ...kernel, spec };
  }
  if (await isVariantName(parsed.path)) {
    const source = { kind: 'debian', series: VARIANT_SERIES } as const;
    return { ...(await buildKernel({ source, variant: parsed.path }, options)), spec };
  }
  const path = resolve(parsed.path);
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(spec, error) ?? error;
  });
  if (found.isDirectory()) return await kernelFromDirectory(path, spec);
  if (!found.isFile()) {
    throw usageFault(
      `cannot use kernel "${spec}": it is neither a file nor a directory; give the path of a bzImage, a .deb or a directory`,
    );
  }
  return path.endsWith('.deb') ? await kernelFromDeb(path, spec, options) : await kernelFromFile(path, spec);
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
