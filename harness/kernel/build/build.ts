import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { withTempDir } from '../../cache/cache-directory.js';
import { inCache } from '../../cache/cache-fault.js';
import { sha256Of } from '../../cache/sha256.js';
import {
  type CacheEntry,
  entryDir,
  entryId,
  findEntry,
  kernelCache,
  kernelOfEntry,
} from '../kernel-cache.js';
import { usageFault } from '../../model/fault.js';
import { messageOf } from '../../model/errno.js';
import type { Kernel } from '../../model/kernel.js';
import type { KernelOptions } from '../options.js';
import { formatBuildSpec } from '../spec.js';
import { type BuildRecord, listBuildRecords } from './build-record.js';
import { configureAndMake } from './compile.js';
import { debianSource } from './debian-source.js';
import { mergeConfig } from './fragment.js';
import { keepKernel } from './keep-kernel.js';
import { buildKey, localVersionOf } from './build-key.js';
import { withBuildLock } from './lock.js';
import type { BuildPlace, MakeOptions } from './make.js';
import { applyPatch, copyBuild, linkTree, tryPatch } from './overlay.js';
import { gitSource, type WantedCommit } from './git-source.js';
import { type KernelSource, OBJ, seriesOf } from './source.js';
import { findToolchain, requireBuildTools, type Toolchain } from './toolchain.js';
import { treeSource } from './tree-source.js';
import { findVariants, IMAGES_DIR, type Variant } from './variants.js';

/** What to build. */
export interface BuildRequest {
  /**
   * Debian's `linux-source-X.Y` (`series`: `6.1` for the newest package, `6.1.192-2` for exactly that one), or a
   * source tree on this host, or a commit of a git repository on this host.
   */
  readonly source:
    | { readonly kind: 'debian'; readonly series: string; readonly suite?: string | undefined }
    | { readonly kind: 'tree'; readonly path: string }
    | ({ readonly kind: 'git' } & WantedCommit);
  /** A variant of images/patches, or the path of a patch; several are applied in their order, none is `stock`. */
  readonly variant: string | readonly string[];
  /** Path of a configuration fragment that is merged into crashpath's own; several are merged in their order. */
  readonly configFragment?: string | readonly string[] | undefined;
}

export interface BuildOptions extends KernelOptions {
  /** Number of compiler processes; default one per CPU. */
  readonly jobs?: number | undefined;
  /** Called when the kernel is not in the cache, before it is built. */
  readonly onBuild?: (() => void) | undefined;
}

/** Everything that is decided before anything is built. */
interface Job {
  readonly source: KernelSource;
  readonly variant: Variant;
  readonly fragment: string;
  readonly toolchain: Toolchain;
  readonly key: string;
}

/**
 * Builds a kernel from source with crashpath's configuration (images/kernel.config) and a variant's patch, or takes it
 * from the cache: the key is over source, fragment, patch, name and compiler. The first kernel of a source takes
 * minutes (its unpatched build is kept as the seed), a variant of it less than one. Faults: usage for an unknown
 * variant or source, a patch that does not apply, a kernel that does not build (with the log) and missing build tools;
 * harness for network and disk. An abort throws the signal's reason; the next build continues from there.
 */
export async function buildKernel(request: BuildRequest, options: BuildOptions): Promise<Kernel> {
  options.signal?.throwIfAborted();
  const variant = await findVariants(listOf(request.variant));
  const fragment = await readFragments(listOf(request.configFragment));
  const source = await sourceOf(request.source, options);
  const toolchain = await findToolchain(options);
  const entry =
    toolchain === undefined
      ? await builtElsewhere({ source, variant, fragment }, options)
      : await entryFor(jobOf({ source, variant, fragment, toolchain }), options);
  return kernelOfEntry(options.cacheDir, entry, specOf(request, entry, options));
}

/**
 * Removes everything that only makes builds faster: unpacked sources, seeds, logs and crashpath's ccache. Kernels
 * stay. Waits for a running build.
 */
export async function removeBuilds(options: KernelOptions): Promise<void> {
  await withBuildLock(options, () =>
    inCache(kernelCache(options.cacheDir), async () => {
      for (const name of ['sources', 'builds/seeds', 'builds/logs', 'ccache']) {
        await rm(join(resolve(options.cacheDir), name), { recursive: true, force: true });
      }
    }),
  );
}

async function sourceOf(wanted: BuildRequest['source'], options: KernelOptions): Promise<KernelSource> {
  switch (wanted.kind) {
    case 'debian':
      return debianSource({ version: wanted.series, suite: wanted.suite }, options);
    case 'tree':
      return treeSource(wanted.path, options);
    case 'git':
      return gitSource(wanted, options);
  }
}

function specOf(request: BuildRequest, entry: CacheEntry, options: KernelOptions): string {
  const { source, variant, configFragment } = request;
  if (source.kind !== 'debian' || typeof variant !== 'string' || configFragment !== undefined) {
    return entryDir(options.cacheDir, entryId(entry));
  }
  return formatBuildSpec({ suite: source.suite, version: source.series, variant });
}

function jobOf(parts: Omit<Job, 'key'>): Job {
  const { source, variant, fragment, toolchain } = parts;
  const key = buildKey({
    sourceSha256: source.sha256,
    fragment,
    patchSha256: variant.patch?.sha256,
    localVersion: localVersionOf(variant.name),
    compiler: toolchain.identity,
  });
  return { ...parts, key };
}

/** Without a compiler, a kernel from the same source, fragment and patch is used, from any compiler. */
async function builtElsewhere(
  { source, variant, fragment }: Pick<Job, 'source' | 'variant' | 'fragment'>,
  options: KernelOptions,
): Promise<CacheEntry> {
  for (const { key, record } of await listBuildRecords(options.cacheDir)) {
    const isSame =
      record.variant === variant.name &&
      record.sourceSha256 === source.sha256 &&
      record.patchSha256 === variant.patch?.sha256 &&
      record.fragmentSha256 === sha256Of(fragment);
    const entry = isSame ? await findEntry(options.cacheDir, key) : undefined;
    if (entry !== undefined) return entry;
  }
  await requireBuildTools(variant.name, options);
  throw usageFault(
    `cannot build kernel "${variant.name}": gcc or ld does not say its version; run: apt-get install gcc binutils`,
  );
}

async function entryFor(job: Job, options: BuildOptions): Promise<CacheEntry> {
  const known = await findEntry(options.cacheDir, job.key);
  if (known !== undefined) return known;
  await requireBuildTools(whatOf(job), options);
  return await withBuildLock(options, async () => {
    const meanwhile = await findEntry(options.cacheDir, job.key);
    if (meanwhile !== undefined) return meanwhile;
    options.onBuild?.();
    return await buildJob(job, { ...options, jobs: options.jobs ?? availableParallelism() });
  });
}

async function buildJob(job: Job, options: MakeOptions): Promise<CacheEntry> {
  const stock = jobOf({ ...job, variant: await findVariants([]) });
  const seed = join(resolve(options.cacheDir), 'builds', 'seeds', seedName(stock), 'src');
  const isStock = job.key === stock.key;
  if ((await readFile(`${seed}.key`, 'utf8').catch(() => '')) !== stock.key || isStock) {
    await inCache(kernelCache(options.cacheDir), () => rm(`${seed}.key`, { force: true }));
    await discardFutureBuild(join(seed, OBJ), options);
    await job.source.fill(seed, options);
    await tryPatch(seed, job.variant, { ...options, what: job.source.packageVersion });
    if (!isStock)
      options.onProgress?.(`building ${whatOf(stock)} first: its build directory is copied for variants`);
    const built = await compileAndKeep(stock, seed, options);
    await inCache(kernelCache(options.cacheDir), () => writeFile(`${seed}.key`, stock.key));
    if (isStock) return built;
  } else {
    await tryPatch(seed, job.variant, { ...options, what: job.source.packageVersion });
  }
  return await withTempDir(kernelCache(options.cacheDir), async (dir) => {
    const src = join(dir, 'src');
    await linkTree(seed, src, { ...options, except: OBJ });
    await copyBuild(join(seed, OBJ), join(src, OBJ), options);
    // After the copy: the patched files must be newer than their objects.
    await applyPatch(src, job.variant, { ...options, what: job.source.packageVersion });
    return await compileAndKeep(job, src, options);
  });
}

/** make builds what is older than its source: after the host's clock was set back, nothing that was built counts. */
async function discardFutureBuild(obj: string, options: KernelOptions): Promise<void> {
  for (const name of ['.config', 'arch/x86/boot/bzImage']) {
    const built = await stat(join(obj, name)).catch(() => undefined);
    if (built === undefined || built.mtimeMs <= Date.now()) continue;
    options.onProgress?.('the clock was set back since the last build: everything is built again');
    await inCache(kernelCache(options.cacheDir), () => rm(obj, { recursive: true, force: true }));
    return;
  }
}

async function compileAndKeep(job: Job, src: string, options: MakeOptions): Promise<CacheEntry> {
  const { source, variant, fragment, toolchain, key } = job;
  const logs = join(resolve(options.cacheDir), 'builds', 'logs');
  await inCache(kernelCache(options.cacheDir), () => mkdir(logs, { recursive: true }));
  const log = join(logs, `${seriesOf(source.packageVersion)}-${variant.name}-${key.slice(0, 12)}.log`);
  await inCache(kernelCache(options.cacheDir), () =>
    writeFile(log, `${whatOf(job)}\n${toolchain.identity}\n`),
  );
  const place: BuildPlace = { src, obj: join(src, OBJ), log, what: whatOf(job), cc: toolchain.cc };
  const startedMs = Date.now();
  await configureAndMake(place, { fragment, localVersion: localVersionOf(variant.name) }, options);
  const record: BuildRecord = {
    format: 1,
    variant: variant.name,
    package: source.package,
    packageVersion: source.packageVersion,
    commit: source.commit,
    sourceSha256: source.sha256,
    fragmentSha256: sha256Of(fragment),
    patchSha256: variant.patch?.sha256,
    compiler: toolchain.identity,
    seconds: Math.round((Date.now() - startedMs) / 1000),
  };
  return await keepKernel(place, { key, record }, options);
}

/** Builds of the same place, configuration and compiler share a seed. */
function seedName({ source, fragment, toolchain }: Job): string {
  return sha256Of([source.place, sha256Of(fragment), toolchain.identity, toolchain.cc].join('\n')).slice(
    0,
    16,
  );
}

function whatOf({ source, variant }: Pick<Job, 'source' | 'variant'>): string {
  return `${source.packageVersion} ${variant.name}`;
}

/** crashpath's fragment, with the caller's merged into it. */
async function readFragments(extra: readonly string[]): Promise<string> {
  let merged = await readFile(join(IMAGES_DIR, 'kernel.config'), 'utf8');
  for (const path of extra) {
    const added = await readFile(path, 'utf8').catch((error: unknown) => {
      throw usageFault(
        `cannot read config fragment "${path}": ${messageOf(error)}; give a file with CONFIG_NAME=y lines`,
        error,
      );
    });
    merged = mergeConfig(merged, added);
  }
  return merged;
}

function listOf(given: string | readonly string[] | undefined): readonly string[] {
  if (given === undefined) return [];
  return typeof given === 'string' ? [given] : given;
}
