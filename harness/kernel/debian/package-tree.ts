import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { isDirectory, publish, withTempDir } from '../../cache/cache-directory.js';
import { cacheFaultInText, inCache } from '../../cache/cache-fault.js';
import { readJsonFile } from '../../cache/kept-file.js';
import { sha256Of } from '../../cache/sha256.js';
import { writeWhole } from '../../cache/write-whole.js';
import { messageOf } from '../../model/errno.js';
import { Fault, harnessFault } from '../../model/fault.js';
import { kernelCache } from '../kernel-cache.js';
import type { KernelOptions } from '../options.js';
import { runTool } from '../tool.js';
import {
  aptDirFor,
  downloadPackages,
  type PlannedPackage,
  plannedPackages,
  readLists,
  updateLists,
} from './apt.js';
import { hostSources } from './host-sources.js';

/**
 * Trees of unpacked Debian packages: programs of another release, with all libraries that they need, run from the cache
 * without an installation. No maintainer script runs. `trees/<key>/` holds one, `trees/<key of the request>.json` says
 * which one a request gave last.
 */

/** What a tree holds: packages by name, and what they depend on. */
export interface TreeRequest {
  readonly names: readonly string[];
  /** `bookworm`, or `trixie-backports`, to which the suite that it extends is added. */
  readonly suite: string;
}

/** A tree in the cache. */
export interface PackageTree {
  /** Absolute path; a file system's root, with `bin`, `sbin`, `lib` and `lib64` as links into `usr`. */
  readonly dir: string;
  /** Debian version by package. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Lists older than this are fetched again. */
const LISTS_FRESH_MS = 24 * 3_600_000;
const EXTRACT_DEADLINE_MS = 10 * 60_000;
const TREE_FORMAT = 1;
/** Links that an installed system has instead of directories (package usrmerge). */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

const storedSchema = z.object({
  format: z.literal(TREE_FORMAT),
  tree: z.string().regex(/^[0-9a-f]{32}$/),
  versions: z.record(z.string(), z.string()),
});

/**
 * The tree of the newest packages that the archive offers, unpacked unless it is there. Without the archive, and
 * offline, the tree that the same request gave last. Throws usage and harness faults.
 */
export async function packageTree(request: TreeRequest, options: KernelOptions): Promise<PackageTree> {
  const trees = join(resolve(options.cacheDir), 'trees');
  const record = join(trees, `${sha256Of(JSON.stringify(request)).slice(0, 16)}.json`);
  if (options.offline === true) return await lastTree(trees, record, request);
  try {
    const apt = aptDirFor(options.cacheDir, await sourcesOf(request, options));
    const lists = await readLists(apt);
    if (lists === undefined || Math.abs(Date.now() - lists.atMs) > LISTS_FRESH_MS) {
      await updateLists(apt, options);
    }
    const packages = await plannedPackages(apt, request, options);
    const tree = sha256Of(`${TREE_FORMAT}\n${packages.map(lineOf).join('')}`).slice(0, 32);
    const dir = join(trees, tree);
    if (!(await isDirectory(dir))) await make({ apt, request, packages, dir }, options);
    const versions = Object.fromEntries(packages.map((one) => [one.package, one.packageVersion]));
    await writeWhole(record, `${JSON.stringify({ format: TREE_FORMAT, tree, versions })}\n`);
    return { dir, versions: new Map(Object.entries(versions)) };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof Fault) || error.kind !== 'harness') throw error;
    const last = await lastTree(trees, record, request).catch(() => undefined);
    if (last === undefined) throw error;
    options.onProgress?.(`${messageOf(error)}: using the packages in the cache`);
    return last;
  }
}

/**
 * A command that runs a program of a tree with the tree's own loader and libraries. `path` is absolute inside the tree.
 * /proc/self/exe of such a program is the loader: what it looks for beside itself must be named by its options or
 * environment.
 */
export function treeCommand({ dir }: Pick<PackageTree, 'dir'>, path: string): [string, ...string[]] {
  return [`${dir}/${LOADER}`, '--library-path', libraryPath(dir), `${dir}${path}`];
}

/** The loader's path inside of a tree. */
export const LOADER = 'usr/lib64/ld-linux-x86-64.so.2';

/** Directories of libraries: the common one, and that of a library whose users find it by an absolute RUNPATH. */
export function libraryPath(dir: string): string {
  const common = `${dir}/usr/lib/x86_64-linux-gnu`;
  return `${common}:${common}/pulseaudio`;
}

const lineOf = (one: PlannedPackage) => `${one.package} ${one.packageVersion} ${one.arch}\n`;

async function sourcesOf({ suite }: TreeRequest, options: KernelOptions) {
  const base = suite.replace(/-backports$/, '');
  const sources = await hostSources(base, options);
  return base === suite ? sources : [...sources, ...(await hostSources(suite, options))];
}

async function lastTree(trees: string, record: string, { names, suite }: TreeRequest): Promise<PackageTree> {
  const stored = await readJsonFile(record, storedSchema);
  const dir = stored === undefined ? undefined : join(trees, stored.tree);
  if (stored !== undefined && dir !== undefined && (await isDirectory(dir))) {
    return { dir, versions: new Map(Object.entries(stored.versions)) };
  }
  throw harnessFault(
    `cannot unpack "${names.join(' ')}" of Debian ${suite} offline: they are not in the cache; run once with the network`,
  );
}

interface Made {
  readonly apt: Parameters<typeof plannedPackages>[0];
  readonly request: TreeRequest;
  readonly packages: readonly PlannedPackage[];
  readonly dir: string;
}

async function make({ apt, request, packages, dir }: Made, options: KernelOptions): Promise<void> {
  const place = kernelCache(options.cacheDir);
  await withTempDir(place, async (temp) => {
    const debs = join(temp, 'debs');
    const tree = join(temp, 'tree');
    await inCache(place, async () => {
      await mkdir(debs);
      await mkdir(tree);
    });
    options.onProgress?.(`downloading ${request.names.join(' ')} of Debian ${request.suite}`);
    await downloadPackages(apt, packages, { ...options, dir: debs });
    const files = (await readdir(debs)).filter((name) => name.endsWith('.deb')).sort();
    options.onProgress?.(`unpacking ${files.length} packages`);
    const result = await runTool(['sh', '-c', UNPACK, 'sh', tree, ...files.map((name) => join(debs, name))], {
      deadlineMs: EXTRACT_DEADLINE_MS,
      signal: options.signal,
      name: 'dpkg-deb and tar',
    });
    if (!result.ok) {
      throw (
        cacheFaultInText(place, result.stderr) ??
        harnessFault(
          `cannot unpack "${request.names.join(' ')}": ${result.why}; install dpkg and tar, and try again`,
        )
      );
    }
    await publish(place, { from: tree, to: dir, isIntact: () => isDirectory(dir) });
  });
}

/**
 * Arguments: tree, packages. dpkg-deb would replace the links of a merged /usr by directories. A relative link of the
 * loader works outside of a chroot as well. Documentation is left out.
 */
const UNPACK = `set -e
tree=$1; shift
cd "$tree"
for one in ${MERGED.join(' ')}; do mkdir -p "usr/$one"; ln -s "usr/$one" "$one"; done
for package; do
	dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-same-owner \
		--exclude=./usr/share/doc/* --exclude=./usr/share/man/* --exclude=./usr/share/locale/* --exclude=./usr/share/info/*
done
ln -sf ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 ${LOADER}
`;
