import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { cacheFaultInText, inCache } from '../../cache/cache-fault.js';
import { readJsonFile } from '../../cache/kept-file.js';
import { sha256Of } from '../../cache/sha256.js';
import { writeWhole } from '../../cache/write-whole.js';
import { kernelCache } from '../kernel-cache.js';
import { harnessFault, usageFault } from '../../model/fault.js';
import { kernelPackage } from './choose.js';
import type { KernelOptions } from '../options.js';
import {
  kernelsIn,
  listsSchema,
  type OfferedFile,
  type OfferedPackage,
  type PackageLists,
  packagesIn,
  partNames,
} from './offered.js';
import { formatSources, type Source } from './sources.js';
import type { DebianArch } from '../spec.js';
import { runTool, type ToolOptions, type ToolResult } from '../tool.js';

/**
 * A private apt directory below the cache: own sources, lists and caches, so that no root is needed and the host's apt
 * is neither used nor changed. Proxies, credentials and trusted keys are the host's.
 */
export interface AptDir {
  readonly dir: string;
  readonly sources: readonly Source[];
  readonly arch: DebianArch;
}

const UPDATE_DEADLINE_MS = 10 * 60_000;
const DOWNLOAD_DEADLINE_MS = 60 * 60_000;
const QUERY_DEADLINE_MS = 2 * 60_000;

/**
 * Read after the host's own configuration (apt-get -c): drops its hooks, which concern the host, and every setting that
 * would accept an unsigned archive.
 */
const configFor = (arch: DebianArch) => `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
#clear APT::Default-Release;
APT::Architecture "${arch}";
APT::Architectures { "${arch}"; };
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
`;

/** The private apt directory of these sources and this architecture. Nothing is made yet. */
export function aptDirFor(cacheDir: string, sources: readonly Source[], arch: DebianArch = 'amd64'): AptDir {
  const key = sha256Of(formatSources(sources, arch)).slice(0, 16);
  return { dir: join(resolve(cacheDir), 'apt', key), sources, arch };
}

/** The lists of the last update; undefined when there was none. */
export async function readLists(apt: AptDir): Promise<PackageLists | undefined> {
  return readJsonFile(join(apt.dir, 'offered.json'), listsSchema);
}

/**
 * Fetches the package lists (signatures checked by apt) and reads the kernels out of them. A concurrent update of
 * updates the same directory is waited for. Faults: usage for a suite that does not exist, else harness.
 */
export async function updateLists(apt: AptDir, options: KernelOptions): Promise<PackageLists> {
  await inCache(kernelCache(options.cacheDir), () => prepare(apt));
  const suites = apt.sources.map(({ suite }) => suite).join(', ');
  options.onProgress?.(`fetching the package lists of Debian ${suites}`);
  const updated = await runApt(apt, ['-x', 'apt-get', '-q', 'update'], {
    deadlineMs: UPDATE_DEADLINE_MS,
    signal: options.signal,
    lines: { from: 'stdout', each: (line) => line.startsWith('Get:') && options.onProgress?.(line) },
  });
  if (!updated.ok) throw updateFault(updated, suites, options);
  const packages = await queryPackages(apt, options);
  const lists: PackageLists = { format: 1, atMs: Date.now(), packages };
  await inCache(kernelCache(options.cacheDir), () =>
    writeWhole(join(apt.dir, 'offered.json'), `${JSON.stringify(lists)}\n`),
  );
  return lists;
}

/**
 * Downloads a package into `dir` and returns the path of the .deb; apt checks it against the signed lists.
 * Undefined when the archive no longer has that version (update the lists and choose again).
 */
export async function downloadPackage(
  apt: AptDir,
  wanted: OfferedFile,
  options: KernelOptions & { readonly dir: string },
): Promise<string | undefined> {
  const megabytes = (wanted.sizeBytes / 1e6).toFixed(1);
  options.onProgress?.(`downloading ${wanted.package} ${wanted.packageVersion} (${megabytes} MB)`);
  const target = `${wanted.package}=${wanted.packageVersion}`;
  const result = await runApt(apt, ['-s', 'apt-get', '-q', '-o', 'APT::Status-Fd=3', 'download', target], {
    deadlineMs: DOWNLOAD_DEADLINE_MS,
    signal: options.signal,
    cwd: options.dir,
    lines: { from: 'fd3', each: percentReporter(wanted.package, options) },
  });
  if (!result.ok) {
    const full = cacheFaultInText(kernelCache(options.cacheDir), result.stderr);
    if (full !== undefined) throw full;
    if (/404 |was not found|Unable to locate package|File not found/.test(result.stderr)) return undefined;
    throw harnessFault(
      `cannot download package "${target}": ${result.why}; check the network, or run again with a kernel that is cached`,
    );
  }
  const files = (await readdir(options.dir)).filter((name) => name.endsWith('.deb'));
  return files[0] === undefined ? undefined : join(options.dir, files[0]);
}

/** A package that an installation would bring, by the archive's index. */
export interface PlannedPackage {
  readonly package: string;
  readonly packageVersion: string;
  readonly arch: string;
}

/** What apt would install, from the named packages on a system with none: with all that they depend on. */
interface Installation {
  readonly names: readonly string[];
  /** Preferred for every package (`apt-get -t`); needed for suites that are not automatic, as backports are. */
  readonly suite: string;
}

/**
 * The packages which an installation would bring, in the order of their names. Nothing is downloaded. Faults: usage
 * when the archive lacks one of them, else harness.
 */
export async function plannedPackages(
  apt: AptDir,
  { names, suite }: Installation,
  options: KernelOptions,
): Promise<PlannedPackage[]> {
  const args = ['-q', '-s', '--no-install-recommends', '-t', suite, 'install', ...names];
  const simulated = await runApt(apt, ['-s', 'apt-get', ...args], {
    deadlineMs: QUERY_DEADLINE_MS,
    signal: options.signal,
  });
  if (!simulated.ok) {
    if (!/Unable to locate package|has no installation candidate/.test(simulated.stderr)) {
      throw queryFault(simulated, options);
    }
    throw usageFault(
      `cannot unpack "${names.join(' ')}": Debian ${suite} does not offer all of them (${simulated.why}); name another suite`,
    );
  }
  return parseInstallation(simulated.stdout);
}

/** The lines `Inst NAME (VERSION ARCHIVE [ARCH])` of a simulation, by name. Pure. */
export function parseInstallation(text: string): PlannedPackage[] {
  const found = [...text.matchAll(/^Inst (\S+) \((\S+) .*\[(\w+)\]\)/gm)];
  return found
    .map(([, name = '', packageVersion = '', arch = '']) => ({ package: name, packageVersion, arch }))
    .toSorted((a, b) => (a.package < b.package ? -1 : 1));
}

/** Downloads planned packages into `dir`; apt checks them against the signed lists. Throws harness faults. */
export async function downloadPackages(
  apt: AptDir,
  packages: readonly PlannedPackage[],
  options: KernelOptions & { readonly dir: string },
): Promise<void> {
  const targets = packages.map((one) => `${one.package}=${one.packageVersion}`);
  const what = `${packages.length} packages`;
  // Unlike `install --download-only` it copies packages of a mirror on this disk as well.
  const result = await runApt(
    apt,
    ['-s', 'apt-get', '-q', '-o', 'APT::Status-Fd=3', 'download', ...targets],
    {
      deadlineMs: DOWNLOAD_DEADLINE_MS,
      signal: options.signal,
      cwd: options.dir,
      lines: { from: 'fd3', each: percentReporter(what, options) },
    },
  );
  if (result.ok) return;
  throw (
    cacheFaultInText(kernelCache(options.cacheDir), result.stderr) ??
    harnessFault(`cannot download "${what}": ${result.why}; check the network, and try again`)
  );
}

/**
 * All versions of one package in the lists of the last update (`version` is the package's own); none when the
 * archive has no such package. A harness Fault when the lists cannot be read.
 */
export async function offeredVersions(
  apt: AptDir,
  name: string,
  options: KernelOptions,
): Promise<OfferedPackage[]> {
  const query = { deadlineMs: QUERY_DEADLINE_MS, signal: options.signal };
  const shown = await runApt(apt, ['-s', 'apt-cache', 'show', name], query);
  if (shown.ok) return packagesIn(shown.stdout);
  if (/No packages found|Unable to locate package/.test(shown.stderr)) return [];
  throw queryFault(shown, options);
}

async function prepare(apt: AptDir): Promise<void> {
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'sources.list.d']) {
    await mkdir(join(apt.dir, part), { recursive: true });
  }
  await writeWhole(join(apt.dir, 'sources.list.d', 'debian.sources'), formatSources(apt.sources, apt.arch));
  await writeWhole(join(apt.dir, 'apt.conf'), configFor(apt.arch));
  await writeWhole(join(apt.dir, 'status'), '');
}

async function queryPackages(apt: AptDir, options: KernelOptions): Promise<OfferedPackage[]> {
  const query = async (...words: readonly string[]) => {
    const asked = await runApt(apt, ['-s', 'apt-cache', ...words], {
      deadlineMs: QUERY_DEADLINE_MS,
      signal: options.signal,
    });
    if (!asked.ok) throw queryFault(asked, options);
    return asked.stdout;
  };
  // apt-cache fails when it has none of the names that it is asked for.
  const show = async (names: readonly string[]) =>
    names.length === 0 ? '' : await query('show', ...names.toSorted());
  const known = (await query('pkgnames', 'linux-')).split('\n');
  const images = await show(known.filter((name) => kernelPackage(name) !== undefined));
  const parts = new Set(partNames(images));
  return kernelsIn(images, await show(known.filter((name) => parts.has(name))));
}

/**
 * Runs an apt program on the private directory, under a lock (`-s` shared, `-x` exclusive) that the kernel releases
 * when the process ends. flock replaces itself by the program (-F), so that signals reach it.
 */
async function runApt(
  apt: AptDir,
  [lock, program, ...args]: readonly [lock: '-s' | '-x', program: string, ...args: string[]],
  options: ToolOptions,
): Promise<ToolResult> {
  const settings = [
    `Dir::State=${join(apt.dir, 'state')}`,
    `Dir::State::status=${join(apt.dir, 'status')}`,
    `Dir::Cache=${join(apt.dir, 'cache')}`,
    'Dir::Cache::pkgcache=pkgcache.bin',
    'Dir::Cache::srcpkgcache=srcpkgcache.bin',
    'Dir::Etc::sourcelist=/dev/null',
    `Dir::Etc::sourceparts=${join(apt.dir, 'sources.list.d')}`,
    'Dir::Etc::preferences=/dev/null',
    'Dir::Etc::preferencesparts=/dev/null',
    // The user _apt, which apt becomes when it is root, cannot write into the cache.
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((setting) => ['-o', setting]);
  const config = ['-c', join(apt.dir, 'apt.conf')];
  return await runTool(
    ['flock', '-F', lock, join(apt.dir, 'lock'), program, ...config, ...settings, ...args],
    {
      ...options,
      name: `${program} ${args.find((arg) => /^[a-z]/.test(arg)) ?? ''}`.trim(),
    },
  );
}

function percentReporter(name: string, options: KernelOptions): (line: string) => void {
  let reported = 0;
  return (line) => {
    // apt's status-fd: dlstatus:<item>:<percent>:<text>
    const percent = Math.floor(Number(/^dlstatus:[^:]*:([\d.]+):/.exec(line)?.[1] ?? 0));
    if (percent < reported + 20 || percent >= 100) return;
    reported = percent;
    options.onProgress?.(`downloading ${name}: ${percent} %`);
  };
}

type Failure = Extract<ToolResult, { ok: false }>;

function updateFault(failure: Failure, suites: string, options: KernelOptions): Error {
  const full = cacheFaultInText(kernelCache(options.cacheDir), failure.stderr);
  if (full !== undefined) return full;
  if (failure.missing || /flock: failed to execute/.test(failure.stderr)) {
    return harnessFault(
      `cannot look for Debian kernels in "${suites}": apt-get or flock is not installed; install apt and util-linux, or give the path of a kernel`,
    );
  }
  const doing = `cannot fetch the package lists of Debian "${suites}": ${failure.why}`;
  if (/NO_PUBKEY|not signed|EXPKEYSIG|BADSIG|signatures (?:were|couldn't)/.test(failure.stderr)) {
    return harnessFault(`${doing}; install or upgrade debian-archive-keyring, whose keys sign the archive`);
  }
  if (/does not have a Release file|no longer has a Release file/.test(failure.stderr)) {
    return usageFault(`${doing}; name a suite that the archive has (or set CRASHPATH_DEBIAN_MIRROR)`);
  }
  return harnessFault(`${doing}; check the network, or set CRASHPATH_DEBIAN_MIRROR to a mirror in reach`);
}

function queryFault(failure: Failure, options: KernelOptions): Error {
  return (
    cacheFaultInText(kernelCache(options.cacheDir), failure.stderr) ??
    harnessFault(
      `cannot read the package lists "${options.cacheDir}/apt": ${failure.why}; remove that directory`,
    )
  );
}
