import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { isDirectory, withTempDir } from '../../cache/cache-directory.js';
import { cacheFaultInText, inCache } from '../../cache/cache-fault.js';
import { readJsonFile } from '../../cache/kept-file.js';
import { sha256OfFile } from '../../cache/sha256.js';
import { writeWhole } from '../../cache/write-whole.js';
import { kernelCache } from '../kernel-cache.js';
import { Fault, harnessFault, usageFault } from '../../model/fault.js';
import { downloadPackage, offeredVersions } from '../debian/apt.js';
import type { OfferedPackage } from '../debian/offered.js';
import { currentOffer, type Offer } from '../debian/debian-kernel.js';
import { compareDebianVersions } from '../debian/version-order.js';
import { type KernelOptions, ticking } from '../options.js';
import { runTool } from '../tool.js';
import { listBuildRecords } from './build-record.js';
import { linkTree } from './overlay.js';
import { type KernelSource, seriesOf } from './source.js';

/** A source package unpacks in 20 s; a busy disk is slower. */
const UNPACK_DEADLINE_MS = 20 * 60_000;
const LISTS_FRESH_MS = 24 * 3_600_000;

const sourceSchema = z.object({
  format: z.literal(1),
  package: z.string(),
  packageVersion: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
type KnownSource = Omit<z.infer<typeof sourceSchema>, 'format'>;

/** A requested Debian source package. */
export interface WantedSource {
  /** `6.1`, `6.1.192`: the newest with that prefix. `6.1.192-2`: exactly that package version. */
  readonly version: string;
  readonly suite?: string | undefined;
}

/**
 * Resolves a `linux-source-X.Y` package. An exact version that was used before needs no network; a series is the newest
 * one of the package lists (fetched when older than 24 h), and the newest one used before when offline. Nothing is
 * downloaded until the source is filled in. Faults: usage when there is no such package, harness for network and disk.
 */
export async function debianSource(wanted: WantedSource, options: KernelOptions): Promise<KernelSource> {
  const name = `linux-source-${seriesOf(wanted.version)}`;
  const known = (await knownSources(options.cacheDir)).filter((source) => source.package === name);
  const used = newest(known.filter((source) => isMeant(source, wanted)));
  const isExact = used?.packageVersion === wanted.version;
  if (used !== undefined && (isExact || options.offline === true)) return toSource(used, wanted.suite);
  if (options.offline === true) {
    throw usageFault(
      `cannot build a kernel from "${name}" offline: it was never fetched; build once with the network, or give the path of a source tree`,
    );
  }
  try {
    const offered = await chosenOffer(name, wanted, options);
    return toSource(
      { package: name, packageVersion: offered.packageVersion, sha256: offered.debSha256 },
      wanted.suite,
    );
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== 'harness' || used === undefined) throw error;
    options.onProgress?.(`${error.message}: using ${name} ${used.packageVersion}, which was used before`);
    return toSource(used, wanted.suite);
  }
}

async function chosenOffer(
  name: string,
  wanted: WantedSource,
  options: KernelOptions,
): Promise<OfferedPackage> {
  const offer = await currentOffer(wanted.suite, LISTS_FRESH_MS, options);
  const offered = await offeredVersions(offer.apt, name, options);
  const found = newest(offered.filter((source) => isMeant(source, wanted)));
  if (found !== undefined) return found;
  const suites = [...new Set(offer.apt.sources.map(({ suite }) => suite))].join(', ');
  const versions = [...new Set(offered.map(({ packageVersion }) => packageVersion))].slice(0, 5);
  throw usageFault(
    versions.length > 0
      ? `cannot find kernel source "${wanted.version}": Debian ${suites} has ${name} in ${versions.join(', ')}; name one of these, or the series`
      : `cannot find kernel source "${wanted.version}": Debian ${suites} has no package ${name}; name another series or suite (build:SUITE/VERSION/VARIANT), or give the path of a source tree`,
  );
}

function toSource(known: KnownSource, suite: string | undefined): KernelSource {
  return {
    ...known,
    place: known.sha256,
    fill: async (dir, options) => {
      // The content never changes, and is put in place by one rename.
      if (await isDirectory(dir)) return;
      const pristine = await unpacked(known, suite, options);
      const half = `${dir}.half`;
      await rm(half, { recursive: true, force: true });
      await inCache(kernelCache(options.cacheDir), () => mkdir(half, { recursive: true }));
      await linkTree(pristine, half, options);
      await inCache(kernelCache(options.cacheDir), () => rename(half, dir));
    },
  };
}

/** The unpacked package, which is never modified. */
async function unpacked(
  known: KnownSource,
  suite: string | undefined,
  options: KernelOptions,
): Promise<string> {
  const dir = join(sourcesDir(options.cacheDir), `${known.package}_${known.packageVersion}`);
  if (await isDirectory(join(dir, 'src'))) return join(dir, 'src');
  const offer = await currentOffer(suite, LISTS_FRESH_MS, options);
  await withTempDir(kernelCache(options.cacheDir), async (temp) => {
    const deb = await download(offer, known, { ...options, dir: temp });
    const what = `unpacking ${known.package} ${known.packageVersion}`;
    options.onProgress?.(what);
    await ticking(
      (seconds) => `${what}: ${seconds} s`,
      options,
      () => unpack(deb, join(temp, 'new'), options),
    );
    await inCache(kernelCache(options.cacheDir), async () => {
      await writeWhole(join(temp, 'new', 'source.json'), `${JSON.stringify({ format: 1, ...known })}\n`);
      await mkdir(sourcesDir(options.cacheDir), { recursive: true });
      await rename(join(temp, 'new'), dir);
    });
  });
  return join(dir, 'src');
}

async function download(
  offer: Offer,
  known: KnownSource,
  options: KernelOptions & { readonly dir: string },
): Promise<string> {
  const offered = await offeredVersions(offer.apt, known.package, options);
  const wanted = offered.find(({ debSha256 }) => debSha256 === known.sha256);
  const file = wanted === undefined ? undefined : await downloadPackage(offer.apt, wanted, options);
  if (file === undefined) {
    throw harnessFault(
      `cannot fetch kernel source "${known.package} ${known.packageVersion}": the archive no longer has it; name the series, or a version that it has`,
    );
  }
  const found = await sha256OfFile(file, options.signal);
  if (found === known.sha256) return file;
  throw harnessFault(
    `cannot trust package "${known.package}": its sha256 is ${found}, the signed list says ${known.sha256}; try again`,
  );
}

/** A linux-source package holds one tarball, usr/src/linux-source-X.Y.tar.xz, with one directory in it. */
async function unpack(deb: string, to: string, options: KernelOptions): Promise<void> {
  const limits = { deadlineMs: UNPACK_DEADLINE_MS, signal: options.signal };
  const all = `${to}.deb`;
  const extracted = await runTool(['dpkg-deb', '--extract', deb, all], limits);
  if (!extracted.ok) throw unpackFault(deb, extracted, options);
  const inSrc = await readdir(join(all, 'usr', 'src')).catch(() => []);
  const tarball = inSrc.find((name) => /^linux-source-.*\.tar\.xz$/.test(name));
  if (tarball === undefined) {
    throw harnessFault(
      `cannot unpack "${deb}": it holds no usr/src/linux-source-*.tar.xz; name another series`,
    );
  }
  await inCache(kernelCache(options.cacheDir), () => mkdir(join(to, 'src'), { recursive: true }));
  const tar = ['tar', '--extract', '--xz', '--no-same-owner', '--strip-components=1'] as const;
  const untarred = await runTool(
    [...tar, '-C', join(to, 'src'), '-f', join(all, 'usr', 'src', tarball)],
    limits,
  );
  if (!untarred.ok) throw unpackFault(deb, untarred, options);
  await rm(all, { recursive: true, force: true });
  await rm(deb, { force: true });
}

function unpackFault(deb: string, failure: { why: string; stderr: string }, options: KernelOptions): Error {
  return (
    cacheFaultInText(kernelCache(options.cacheDir), failure.stderr) ??
    harnessFault(`cannot unpack "${deb}": ${failure.why}; install dpkg, tar and xz-utils, or try again`)
  );
}

/** Packages that are unpacked in the cache, or from which cached kernels were built. */
async function knownSources(cacheDir: string): Promise<KnownSource[]> {
  const names = await readdir(sourcesDir(cacheDir)).catch(() => []);
  const onDisk = await Promise.all(
    names.map(async (name) => {
      const known = await readJsonFile(join(sourcesDir(cacheDir), name, 'source.json'), sourceSchema);
      return known === undefined ? [] : [known];
    }),
  );
  const built = (await listBuildRecords(cacheDir)).map(({ record }) => ({
    package: record.package,
    packageVersion: record.packageVersion,
    sha256: record.sourceSha256,
  }));
  return [...onDisk.flat(), ...built].map(({ package: name, packageVersion, sha256 }) => ({
    package: name,
    packageVersion,
    sha256,
  }));
}

/** `6.1` matches 6.1.192-2 but not 6.12.1-1, `6.1.192` every revision of it. */
function isMeant({ packageVersion }: { packageVersion: string }, { version }: WantedSource): boolean {
  return packageVersion.startsWith(version) && /^$|^[.+~-]/.test(packageVersion.slice(version.length));
}

function newest<T extends { packageVersion: string }>(sources: readonly T[]): T | undefined {
  return [...sources].sort((a, b) => compareDebianVersions(b.packageVersion, a.packageVersion))[0];
}

function sourcesDir(cacheDir: string): string {
  return join(resolve(cacheDir), 'sources');
}
