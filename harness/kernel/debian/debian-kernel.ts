import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withTempDir } from '../../cache/cache-directory.js';
import { inCache } from '../../cache/cache-fault.js';
import {
  type CacheEntry,
  type CacheRef,
  entryId,
  findEntry,
  kernelCache,
  kernelOfEntry,
  listRefs,
  writeRef,
} from '../kernel-cache.js';
import { messageOf } from '../../model/errno.js';
import { Fault, harnessFault, usageFault } from '../../model/fault.js';
import type { Kernel } from '../../model/kernel.js';
import { type AptDir, aptDirFor, downloadPackage, readLists, updateLists } from './apt.js';
import type { OfferedFile, OfferedPackage, PackageLists } from './offered.js';
import {
  type Candidate,
  chooseKernel,
  exactVersion,
  kernelPackage,
  nearestVersions,
  newestFirst,
} from './choose.js';
import { hostSources } from './host-sources.js';
import type { KernelOptions } from '../options.js';
import { cachePackages, packagesId } from '../packages/cache-packages.js';
import { withOptionalSecurity } from './sources.js';
import { archOf, type DebianArch, type DebianSpec, formatDebianSpec } from '../spec.js';

/** Lists older than this are fetched again before a kernel is chosen from them. */
const LISTS_FRESH_MS = 24 * 3_600_000;
/** A name that is missing from lists younger than this does not exist. */
const UNKNOWN_FRESH_MS = 10 * 60_000;

/** The packages of an archive when its lists were last fetched. */
export interface Offer {
  readonly apt: AptDir;
  readonly lists: PackageLists;
}

/**
 * Resolves a Debian kernel. An exact version that is in the cache needs neither apt nor network; a series is
 * the newest one of the package lists (fetched when older than 24 h), and of the cache when offline.
 * Faults: usage when there is no such kernel (with the nearest names), harness for network and disk.
 */
export async function kernelFromDebian(
  wanted: DebianSpec,
  spec: string,
  options: KernelOptions,
): Promise<Kernel> {
  const refs = await listRefs(options.cacheDir, wanted.suite);
  const exact = refs.find((ref) => ref.version === exactVersion(wanted));
  const entry = exact === undefined ? undefined : await findEntry(options.cacheDir, exact.debSha256);
  if (entry !== undefined) return kernelOfEntry(options.cacheDir, entry, spec);
  if (options.offline === true) return await fromCacheOnly(refs, { wanted, spec }, options);
  try {
    const offer = await offerWith(wanted, options);
    return await fromArchive(offer, { wanted, spec }, options);
  } catch (error) {
    if (!(error instanceof ListsUnavailable)) throw error;
    const cached = await newestCached(refs, wanted, options);
    if (cached === undefined) throw error.fault;
    options.onProgress?.(`${error.fault.message}: using the cached ${cached.release}`);
    return kernelOfEntry(options.cacheDir, cached, spec);
  }
}

/**
 * The signed amd64 kernels which the archive offers in `suite` (default: the configured suites), newest first. Fetches
 * the package lists when they are older than 24 h; offline, the lists that were fetched before.
 */
export async function availableDebianKernels(
  options: KernelOptions & { readonly suite?: string | undefined },
): Promise<Candidate[]> {
  const { lists } = await currentOffer(options.suite, LISTS_FRESH_MS, options);
  return newestFirst(complete(lists)).map(({ version, package: name, packageVersion }) => ({
    version,
    package: name,
    packageVersion,
  }));
}

interface Question {
  readonly wanted: DebianSpec;
  readonly spec: string;
}

async function fromCacheOnly(
  refs: readonly CacheRef[],
  { wanted, spec }: Question,
  options: KernelOptions,
): Promise<Kernel> {
  const entry = await newestCached(refs, wanted, options);
  if (entry !== undefined) {
    options.onProgress?.(`${spec} is ${entry.release}: the newest in the cache (offline)`);
    return kernelOfEntry(options.cacheDir, entry, spec);
  }
  const cached = refs.map((ref) => formatDebianSpec(wanted.suite, ref.version)).join(', ');
  throw usageFault(
    `cannot resolve kernel "${spec}" offline: it is not in the cache; resolve it once with the network, or use what is cached (${cached || 'nothing of that suite'})`,
  );
}

async function newestCached(
  refs: readonly CacheRef[],
  wanted: DebianSpec,
  options: KernelOptions,
): Promise<CacheEntry | undefined> {
  let left = [...refs];
  while (left.length > 0) {
    const ref = chooseKernel(left, wanted);
    if (ref === undefined) return undefined;
    const entry = await findEntry(options.cacheDir, ref.debSha256);
    if (entry !== undefined) return entry;
    left = left.filter((other) => other !== ref);
  }
  return undefined;
}

/** Fresh lists, or new ones when the fresh ones lack the kernel. */
async function offerWith(wanted: DebianSpec, options: KernelOptions): Promise<Offer> {
  try {
    const arch = archOf(wanted.flavour);
    const offer = await currentOffer(wanted.suite, LISTS_FRESH_MS, { ...options, arch });
    if (chooseKernel(complete(offer.lists), wanted) !== undefined) return offer;
    return await currentOffer(wanted.suite, UNKNOWN_FRESH_MS, { ...options, arch });
  } catch (error) {
    throw error instanceof Fault && error.kind === 'harness' ? new ListsUnavailable(error) : error;
  }
}

/** No package lists: the only failure of the archive for which the cache is used instead. */
class ListsUnavailable extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

async function fromArchive(
  offer: Offer,
  { wanted, spec }: Question,
  options: KernelOptions,
): Promise<Kernel> {
  const entry = await obtain(offer, { wanted, spec }, options);
  if (entry !== undefined) return kernelOfEntry(options.cacheDir, entry, spec);
  options.onProgress?.(`the archive has replaced ${spec} since its lists were fetched`);
  const renewed = await currentOffer(wanted.suite, 0, { ...options, arch: archOf(wanted.flavour) });
  const second = await obtain(renewed, { wanted, spec }, options);
  if (second !== undefined) return kernelOfEntry(options.cacheDir, second, spec);
  throw harnessFault(
    `cannot download kernel "${spec}": the archive lists it but does not have the file; try again later or name another version`,
  );
}

/** The wanted package's entry, downloaded unless it is cached; undefined when the archive no longer has the file. */
async function obtain(
  { apt, lists }: Offer,
  { wanted, spec }: Question,
  options: KernelOptions,
): Promise<CacheEntry | undefined> {
  const chosen = chooseKernel(complete(lists), wanted);
  if (chosen === undefined) throw unknownKernel(apt, lists, { wanted, spec });
  if (chosen.version !== exactVersion(wanted)) {
    const hours = Math.floor((Date.now() - lists.atMs) / 3_600_000);
    options.onProgress?.(
      `${spec} is ${chosen.version} (${chosen.packageVersion}; package lists of ${hours} h ago)`,
    );
  }
  const id = packagesId(filesOf(chosen).map(({ debSha256 }) => debSha256));
  const entry =
    (await findEntry(options.cacheDir, id)) ?? (await download(apt, { chosen, id }, { spec, options }));
  if (entry === undefined) return undefined;
  const { version, package: name, packageVersion } = chosen;
  const ref: CacheRef = { format: 1, version, package: name, packageVersion, debSha256: id };
  await remember(ref, wanted.suite, options);
  return entry;
}

/** Writes nothing when nothing is new, so that a read-only cache still works. */
async function remember(ref: CacheRef, suite: string | undefined, options: KernelOptions): Promise<void> {
  const known = (await listRefs(options.cacheDir, suite)).some(
    ({ version, debSha256 }) => version === ref.version && debSha256 === ref.debSha256,
  );
  if (!known) await writeRef(options.cacheDir, suite, ref);
}

async function download(
  apt: AptDir,
  { chosen, id }: { readonly chosen: OfferedPackage; readonly id: string },
  { spec, options }: { spec: string; options: KernelOptions },
): Promise<CacheEntry | undefined> {
  return await withTempDir(kernelCache(options.cacheDir), async (temp) => {
    const files: string[] = [];
    for (const [index, wanted] of filesOf(chosen).entries()) {
      const dir = join(temp, String(index));
      await inCache(kernelCache(options.cacheDir), () => mkdir(dir));
      const file = await downloadPackage(apt, wanted, { ...options, dir });
      if (file === undefined) return undefined;
      files.push(file);
    }
    const entry = await cachePackages(files, spec, { ...options, mayBeIdle: true });
    const found = entryId(entry);
    if (found === id) return entry;
    throw harnessFault(
      `cannot trust package "${chosen.package}": its sha256 is ${found}, the signed list says ${id}; try again`,
    );
  });
}

/** The packages that hold a kernel: its own, which may be empty, and its parts. */
function filesOf(chosen: OfferedPackage): readonly OfferedFile[] {
  return [chosen, ...chosen.parts];
}

/** The kernels of which the archive has all packages: backports keep some of a version that was replaced. */
function complete({ packages }: PackageLists): OfferedPackage[] {
  return packages.filter(({ missing }) => missing.length === 0);
}

/**
 * Lists that are younger than `freshMs`, fetched when needed. A suite without a security archive is fetched without it;
 * so is i386 when that archive fails, because not all mirrors keep i386 up to date.
 */
export async function currentOffer(
  suite: string | undefined,
  freshMs: number,
  options: KernelOptions & { readonly arch?: DebianArch },
): Promise<Offer> {
  const { arch = 'amd64' } = options;
  const configured = await hostSources(suite, options);
  const sources = arch === 'i386' ? withOptionalSecurity(configured) : configured;
  const required = sources.filter(({ optional }) => !optional);
  const variants = required.length > 0 && required.length < sources.length ? [sources, required] : [sources];
  const places = variants.map((variant) => aptDirFor(options.cacheDir, variant, arch));
  for (const apt of places) {
    const lists = await readLists(apt);
    if (lists === undefined) continue;
    if (options.offline === true || Math.abs(Date.now() - lists.atMs) < freshMs) return { apt, lists };
  }
  if (options.offline === true) {
    throw harnessFault(
      `cannot list the kernels of Debian "${suite ?? 'configured suites'}" offline: its package lists were never fetched; run once with the network`,
    );
  }
  return await firstUpdated(places, options);
}

async function firstUpdated(places: readonly AptDir[], options: KernelOptions): Promise<Offer> {
  let failure: unknown;
  for (const [index, apt] of places.entries()) {
    try {
      return { apt, lists: await updateLists(apt, options) };
    } catch (error) {
      options.signal?.throwIfAborted();
      failure = error;
      if (index + 1 < places.length) {
        options.onProgress?.(`${messageOf(error)}: continuing without the security archive`);
      }
    }
  }
  throw failure;
}

function unknownKernel(apt: AptDir, lists: PackageLists, { wanted, spec }: Question): Fault {
  const suites = [...new Set(apt.sources.map(({ suite }) => suite))].join(', ');
  const known = complete(lists).filter(({ package: name }) => kernelPackage(name) !== undefined);
  const nearest = nearestVersions(known, wanted).map((version) => formatDebianSpec(wanted.suite, version));
  const torn = chooseKernel(lists.packages, wanted);
  const why =
    torn === undefined
      ? `offers no such signed ${apt.arch} kernel`
      : `has ${torn.version} only in part, without ${torn.missing.join(', ')}`;
  return usageFault(
    `cannot find kernel "${spec}": Debian ${suites} ${why}; nearest: ${nearest.join(', ') || 'none at all'} (another suite: debian:SUITE/VERSION)`,
  );
}
