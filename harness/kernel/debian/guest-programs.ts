import { mkdir, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDirectory, publish, withTempDir } from '../../cache/cache-directory.js';
import { inCache } from '../../cache/cache-fault.js';
import { sha256Of, sha256OfFile } from '../../cache/sha256.js';
import { kernelCache } from '../kernel-cache.js';
import { messageOf } from '../../model/errno.js';
import { Fault, harnessFault } from '../../model/fault.js';
import type { Kernel } from '../../model/kernel.js';
import { type AptDir, downloadPackage, offeredVersions } from './apt.js';
import type { OfferedPackage } from './offered.js';
import { compareDebianVersions } from './version-order.js';
import { currentOffer } from './debian-kernel.js';
import type { KernelOptions } from '../options.js';
import { runTool } from '../tool.js';

/** Packages with a 32-bit guest's programs, and the library and loader of kexec (Debian 12; busybox is static). */
const PACKAGES = ['busybox-static', 'kexec-tools', 'libc6'];
/** Lists older than this are fetched again. */
const LISTS_FRESH_MS = 24 * 3_600_000;
const EXTRACT_DEADLINE_MS = 5 * 60_000;

/**
 * Root of a tree with the programs of a kernel's guests, when those of the host cannot run: for a 32-bit kernel,
 * Debian's i386 packages, fetched through apt like kernels and unpacked into the cache, by content. Undefined for a
 * 64-bit kernel. Without the archive the newest tree of the cache is used. Throws harness faults.
 */
export async function guestProgramsFor(kernel: Kernel, options: KernelOptions): Promise<string | undefined> {
  if (kernel.bits !== 32) return undefined;
  const parent = join(resolve(options.cacheDir), 'programs');
  try {
    const { apt } = await currentOffer(undefined, LISTS_FRESH_MS, { ...options, arch: 'i386' });
    const packages: OfferedPackage[] = [];
    for (const name of PACKAGES) packages.push(await newest(apt, name, options));
    return await unpacked(parent, { apt, packages }, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    const cached = error instanceof Fault && error.kind === 'harness' ? await newestTree(parent) : undefined;
    if (cached === undefined) throw error;
    options.onProgress?.(`${messageOf(error)}: using the 32-bit programs in the cache`);
    return cached;
  }
}

async function newest(apt: AptDir, name: string, options: KernelOptions): Promise<OfferedPackage> {
  const offered = await offeredVersions(apt, name, options);
  const [first] = offered.toSorted((a, b) => compareDebianVersions(b.packageVersion, a.packageVersion));
  if (first !== undefined) return first;
  const suites = apt.sources.map(({ suite }) => suite).join(', ');
  throw harnessFault(
    `cannot make images for a 32-bit kernel: Debian ${suites} offers no package "${name}" for i386; configure a suite that does (bookworm)`,
  );
}

/** The tree of exactly these packages, made when it is missing, and put in place by one rename. */
async function unpacked(
  parent: string,
  { apt, packages }: { apt: AptDir; packages: readonly OfferedPackage[] },
  options: KernelOptions,
): Promise<string> {
  const names = packages.map(({ package: name, debSha256 }) => `${name} ${debSha256}\n`).join('');
  const dir = join(parent, sha256Of(names).slice(0, 32));
  if (await isDirectory(dir)) return dir;
  return await withTempDir(kernelCache(options.cacheDir), async (temp) => {
    const tree = join(temp, 'tree');
    for (const [index, wanted] of packages.entries()) {
      const into = join(temp, String(index));
      await inCache(kernelCache(options.cacheDir), () => mkdir(into));
      await unpackOne(apt, wanted, { ...options, into, tree });
    }
    await publish(kernelCache(options.cacheDir), { from: tree, to: dir, isIntact: () => isDirectory(dir) });
    return dir;
  });
}

async function unpackOne(
  apt: AptDir,
  wanted: OfferedPackage,
  options: KernelOptions & { readonly into: string; readonly tree: string },
): Promise<void> {
  const what = `${wanted.package} ${wanted.packageVersion} (i386)`;
  const deb = await downloadPackage(apt, wanted, { ...options, dir: options.into });
  if (deb === undefined) {
    throw harnessFault(
      `cannot download package "${what}": the archive lists it but does not have the file; try again later`,
    );
  }
  if ((await sha256OfFile(deb, options.signal)) !== wanted.debSha256) {
    throw harnessFault(
      `cannot trust package "${what}": its sha256 is not that of the signed list; try again`,
    );
  }
  const result = await runTool(['dpkg-deb', '--extract', deb, options.tree], {
    deadlineMs: EXTRACT_DEADLINE_MS,
    signal: options.signal,
  });
  if (!result.ok)
    throw harnessFault(`cannot unpack package "${what}": ${result.why}; check the disk and dpkg`);
}

async function newestTree(parent: string): Promise<string | undefined> {
  const names = await readdir(parent).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => ({ name, stats: await stat(join(parent, name)) })),
  );
  const [latest] = found
    .filter(({ stats }) => stats.isDirectory())
    .sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs);
  return latest === undefined ? undefined : join(parent, latest.name);
}
