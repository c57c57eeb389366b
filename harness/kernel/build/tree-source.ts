import { createHash } from 'node:crypto';
import {
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { inCache } from '../../cache/cache-fault.js';
import { readJsonFile } from '../../cache/kept-file.js';
import { sha256Of } from '../../cache/sha256.js';
import { writeWhole } from '../../cache/write-whole.js';
import { kernelCache } from '../kernel-cache.js';
import { errnoOf, messageOf } from '../../model/errno.js';
import { usageFault } from '../../model/fault.js';
import { type KernelOptions, ticking } from '../options.js';
import { runTool } from '../tool.js';
import type { KernelSource } from './source.js';

const LIST_DEADLINE_MS = 5 * 60_000;
/** Files that are read concurrently. */
const AT_ONCE = 64;
/** Traces of a build inside the source, which only git can distinguish from it (Makefile, `outputmakefile`). */
const BUILD_TRACES = ['.config', 'include/config', 'include/generated', 'arch/x86/include/generated'];

const entrySchema = z.object({ mtimeMs: z.number(), size: z.number(), sha256: z.string() });
const manifestSchema = z.record(z.string(), entrySchema);
/** Content of a tree by relative path; a file of the same time and size is not read again. */
type Manifest = z.infer<typeof manifestSchema>;

/**
 * A source tree on this host, which is read and never written. The tracked and the new files of a git work tree count,
 * not the ignored ones (a build inside it is allowed); any other tree must be clean. A usage Fault when it is no kernel
 * source, is not clean, or changes while it is read.
 */
export async function treeSource(path: string, options: KernelOptions): Promise<KernelSource> {
  const tree = resolve(path);
  const version = await kernelVersion(tree);
  const place = sha256Of(`tree ${tree}`);
  const remembered = join(resolve(options.cacheDir), 'sources', `tree-${place}.json`);
  const known = await readManifest(remembered);
  const manifest = await ticking(
    (seconds) => `reading the source tree ${tree}: ${seconds} s`,
    options,
    () => describeTree(tree, known, options),
  );
  await inCache(kernelCache(options.cacheDir), async () => {
    await mkdir(dirname(remembered), { recursive: true });
    await writeWhole(remembered, JSON.stringify(manifest));
  });
  return {
    sha256: contentOf(manifest),
    place,
    package: tree,
    packageVersion: version,
    fill: async (dir, fillOptions) => {
      await ticking(
        (seconds) => `copying the source tree ${tree}: ${seconds} s`,
        fillOptions,
        () =>
          inCache(kernelCache(fillOptions.cacheDir), () =>
            bring(tree, dir, { manifest, options: fillOptions }),
          ),
      );
      const after = await describeTree(tree, manifest, fillOptions);
      if (contentOf(after) === contentOf(manifest)) return;
      throw usageFault(
        `cannot build from the source tree "${tree}": it changed while it was read; try again`,
      );
    },
  };
}

/** Copies changed files and removes deleted ones. The manifest is written last: an unfinished copy is repeated. */
async function bring(
  tree: string,
  dir: string,
  { manifest, options }: { manifest: Manifest; options: KernelOptions },
): Promise<void> {
  const written = `${dir}.files.json`;
  const before = await readManifest(written);
  const changed = Object.keys(manifest).filter((name) => before[name]?.sha256 !== manifest[name]?.sha256);
  const gone = Object.keys(before).filter((name) => manifest[name] === undefined);
  await mkdir(dir, { recursive: true });
  for (const name of gone) await rm(join(dir, name), { recursive: true, force: true });
  await inGroups(changed, options, async (name) => {
    const to = join(dir, name);
    await mkdir(dirname(to), { recursive: true });
    const found = await lstat(join(tree, name));
    // A new file replaces the old one, which may have other hard links.
    const half = `${to}.crashpath-half`;
    await rm(half, { force: true });
    if (found.isSymbolicLink()) {
      await symlink(await readlink(join(tree, name)), half);
    } else {
      await copyFile(join(tree, name), half);
      const now = new Date();
      await utimes(half, now, now);
    }
    // A directory may have become a file.
    await rm(to, { recursive: true, force: true });
    await rename(half, to);
  });
  await writeWhole(written, JSON.stringify(manifest));
}

async function describeTree(tree: string, known: Manifest, options: KernelOptions): Promise<Manifest> {
  const entries: Manifest = {};
  await inGroups(await filesOf(tree, options), options, async (name) => {
    const path = join(tree, name);
    const found = await lstat(path).catch((error: unknown) => {
      // Deleted, but still in git's index.
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw unreadable(tree, error);
    });
    if (found === undefined || found.isDirectory()) return;
    const { mtimeMs, size } = found;
    const old = known[name];
    const isKnown = old !== undefined && old.mtimeMs === mtimeMs && old.size === size;
    const kind = found.isSymbolicLink() ? 'link' : (found.mode & 0o100) !== 0 ? 'program' : 'file';
    const hash = isKnown ? old.sha256 : await hashOf(path, kind, tree);
    entries[name] = { mtimeMs, size, sha256: hash };
  });
  return entries;
}

async function hashOf(path: string, kind: 'link' | 'program' | 'file', tree: string): Promise<string> {
  try {
    const bytes = kind === 'link' ? Buffer.from(await readlink(path)) : await readFile(path);
    return createHash('sha256').update(`${kind}\0`).update(bytes).digest('hex');
  } catch (error) {
    throw unreadable(tree, error);
  }
}

function contentOf(manifest: Manifest): string {
  const names = Object.keys(manifest).sort();
  return sha256Of(names.map((name) => `${name}\0${manifest[name]?.sha256}\n`).join(''));
}

async function filesOf(tree: string, options: KernelOptions): Promise<string[]> {
  if ((await stat(join(tree, '.git')).catch(() => undefined)) !== undefined) {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const listed = await runTool(['git', '-C', tree, ...args], {
      deadlineMs: LIST_DEADLINE_MS,
      signal: options.signal,
    });
    if (listed.ok) return [...new Set(listed.stdout.split('\0').filter(Boolean))];
    throw usageFault(
      `cannot read the source tree "${tree}": ${listed.why}; make git work there, or give a tree without .git`,
    );
  }
  for (const trace of BUILD_TRACES) {
    if ((await stat(join(tree, trace)).catch(() => undefined)) === undefined) continue;
    throw usageFault(
      `cannot build from the source tree "${tree}": a kernel was configured or built in it (${trace}); run make mrproper there, or give its arch/x86/boot/bzImage as the kernel`,
    );
  }
  const entries = await readdir(tree, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(tree.length + 1));
}

/** `6.1.192` or `6.16.0-rc1`, from the first lines of the top Makefile. */
async function kernelVersion(tree: string): Promise<string> {
  const text = await readFile(join(tree, 'Makefile'), 'utf8').catch((error: unknown) => {
    throw unreadable(tree, error);
  });
  const version = versionInMakefile(text);
  const isKernel = (await stat(join(tree, 'arch/x86/Kconfig')).catch(() => undefined)) !== undefined;
  if (isKernel && version !== undefined) return version;
  throw usageFault(
    `cannot build from the source tree "${tree}": it is not the top of a Linux source; give the directory that holds Kconfig and arch/x86`,
  );
}

/** `6.1.192` or `6.16.0-rc1`, from the text of a kernel's top Makefile; undefined for another Makefile. Pure. */
export function versionInMakefile(text: string): string | undefined {
  const value = (name: string) => new RegExp(`^${name} = *([\\w.+~-]{0,64})$`, 'm').exec(text)?.[1] ?? '';
  const [version, level] = [value('VERSION'), value('PATCHLEVEL')];
  if (!/^\d+$/.test(version) || !/^\d+$/.test(level)) return undefined;
  return `${version}.${level}.${value('SUBLEVEL') || '0'}${value('EXTRAVERSION')}`;
}

async function readManifest(path: string): Promise<Manifest> {
  return (await readJsonFile(path, manifestSchema)) ?? {};
}

async function inGroups(
  names: readonly string[],
  options: KernelOptions,
  each: (name: string) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < names.length; start += AT_ONCE) {
    options.signal?.throwIfAborted();
    await Promise.all(names.slice(start, start + AT_ONCE).map(each));
  }
}

function unreadable(tree: string, error: unknown): Error {
  return usageFault(
    `cannot read the source tree "${tree}": ${messageOf(error)}; give the directory of a Linux source that this user can read`,
    error,
  );
}
