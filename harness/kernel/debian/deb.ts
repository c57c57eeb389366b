import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { withTempDir } from '../../cache/cache-directory.js';
import { cacheFaultInText, inCache } from '../../cache/cache-fault.js';
import { sha256OfFile } from '../../cache/sha256.js';
import {
  type CacheEntry,
  type DebEntry,
  findEntry,
  installEntry,
  kernelCache,
  kernelOfEntry,
} from '../kernel-cache.js';
import { harnessFault, usageFault } from '../../model/fault.js';
import type { Kernel } from '../../model/kernel.js';
import { inspectBzImage } from '../local.js';
import type { KernelOptions } from '../options.js';
import { runTool } from '../tool.js';

/** A stock package unpacks in about 10 s on a slow disk. */
const EXTRACT_DEADLINE_MS = 5 * 60_000;
const FIELDS_DEADLINE_MS = 30_000;
/** Merged-/usr packages keep modules below usr/lib. */
const MODULE_ROOTS = ['lib/modules', 'usr/lib/modules'];

/**
 * Resolves a Debian kernel package in a file: unpacks it into the cache, without root, unless it is there.
 * Faults: usage when it is no kernel package, harness when the cache cannot be written or dpkg-deb is missing.
 */
export async function kernelFromDeb(path: string, spec: string, options: KernelOptions): Promise<Kernel> {
  const entry = await cacheDeb(path, spec, options);
  return kernelOfEntry(options.cacheDir, entry, spec);
}

/** Puts a package file into the cache, if it is not there already, and returns its entry. */
export async function cacheDeb(path: string, spec: string, options: KernelOptions): Promise<CacheEntry> {
  const debSha256 = await sha256OfFile(path, options.signal);
  const known = await findEntry(options.cacheDir, debSha256);
  if (known !== undefined) return known;
  options.onProgress?.(`unpacking ${basename(path)}`);
  return await withTempDir(kernelCache(options.cacheDir), async (dir) => {
    const fields = await packageFields(path, spec, options);
    const tree = await unpack(path, spec, dir, options);
    const entry = await describeTree(tree, spec, { ...fields, debSha256 });
    await installEntry(options.cacheDir, tree, entry);
    return entry;
  });
}

async function packageFields(
  path: string,
  spec: string,
  options: KernelOptions,
): Promise<{ package: string; packageVersion: string }> {
  const result = await runTool(['dpkg-deb', '--showformat=${Package} ${Version}', '--show', '--', path], {
    deadlineMs: FIELDS_DEADLINE_MS,
    signal: options.signal,
  });
  if (!result.ok) {
    if (result.missing) throw dpkgMissing(spec);
    throw usageFault(
      `cannot read package "${spec}": ${result.why}; give a complete linux-image-*.deb (download it again?)`,
    );
  }
  const [name = '', packageVersion = ''] = result.stdout.trim().split(' ');
  return { package: name, packageVersion };
}

/** Unpacks everything, then moves `boot` and the modules (by rename) into the tree for the cache. */
async function unpack(path: string, spec: string, dir: string, options: KernelOptions): Promise<string> {
  const all = join(dir, 'all');
  const tree = join(dir, 'tree');
  const result = await runTool(['dpkg-deb', '--extract', path, all], {
    deadlineMs: EXTRACT_DEADLINE_MS,
    signal: options.signal,
  });
  if (!result.ok) {
    throw (
      cacheFaultInText(kernelCache(options.cacheDir), result.stderr) ??
      usageFault(`cannot unpack package "${spec}": ${result.why}; give a complete linux-image-*.deb`)
    );
  }
  return await inCache(kernelCache(options.cacheDir), async () => {
    await mkdir(join(tree, 'lib'), { recursive: true });
    if (await isDirectory(join(all, 'boot'))) await rename(join(all, 'boot'), join(tree, 'boot'));
    for (const root of MODULE_ROOTS) {
      if (await isDirectory(join(all, root))) {
        await rename(join(all, root), join(tree, 'lib', 'modules'));
        break;
      }
    }
    return tree;
  });
}

async function describeTree(
  tree: string,
  spec: string,
  fields: Pick<DebEntry, 'package' | 'packageVersion' | 'debSha256'>,
): Promise<DebEntry> {
  const inBoot = (await isDirectory(join(tree, 'boot'))) ? await readdir(join(tree, 'boot')) : [];
  const images = inBoot.filter((name) => name.startsWith('vmlinuz-'));
  const [image] = images;
  if (image === undefined || images.length > 1) {
    const what = image === undefined ? 'no boot/vmlinuz-*' : `several kernels (${images.join(', ')})`;
    throw usageFault(
      `cannot use package "${spec}": ${fields.package} holds ${what}; give a linux-image-VERSION-amd64 package (not a meta, -dbg or headers package)`,
    );
  }
  const { release, sha256, bits } = await inspectBzImage(join(tree, 'boot', image), spec);
  const canonical = `vmlinuz-${release}`;
  if (image !== canonical) await rename(join(tree, 'boot', image), join(tree, 'boot', canonical));
  return {
    ...fields,
    format: 1,
    release,
    bzImageSha256: sha256,
    bits,
    hasModules: await isDirectory(join(tree, 'lib', 'modules', release)),
    hasConfig: inBoot.includes(`config-${release}`),
  };
}

/** A real directory, not a link: a package must not refer to anything outside of its tree. */
async function isDirectory(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function dpkgMissing(spec: string): Error {
  return harnessFault(
    `cannot unpack package "${spec}": dpkg-deb is not installed; install dpkg, or give the path of a bzImage`,
  );
}
