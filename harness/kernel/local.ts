import { open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { sha256OfFile } from '../cache/sha256.js';
import { type Fault, usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { parseImage, SETUP_MAX_BYTES, versionIn } from './bzimage.js';
import { errnoOf } from '../model/errno.js';

/** Where a build tree of the kernel puts the image. */
const BUILD_TREE_IMAGE = 'arch/x86/boot/bzImage';
const UNNAMED_IMAGES = ['vmlinuz', 'bzImage', BUILD_TREE_IMAGE];
/** Where a root file system has module trees; with a merged /usr both are one. */
const MODULE_PLACES = ['lib/modules', 'usr/lib/modules'];
const PARTS_OF_TREE: ReadonlySet<string> = new Set(['kernel', 'updates', 'extra', 'modules.builtin']);

/**
 * A kernel image in place (it is not copied). A config next to it (`config-<release>`, `.config`, or that of the build
 * tree), modules next to a `boot` directory, and both in the module tree that holds the image (`lib/modules/<release>`,
 * as Debian 7, Fedora and Arch have it) are used. A usage Fault when it is no bzImage, and for one in the module tree of
 * another release.
 */
export async function kernelFromFile(path: string, spec: string): Promise<Kernel> {
  const bzImage = resolve(path);
  const { release, sha256, bits } = await inspectBzImage(bzImage, spec);
  const dir = dirname(bzImage);
  const isInTree = basename(bzImage) === 'vmlinuz' && basename(dirname(dir)) === 'modules';
  if (isInTree && basename(dir) !== release) {
    throw usageFault(
      `cannot use kernel "${spec}": it is ${release}, and the modules beside it are of ${basename(dir)}; give the directory of one kernel`,
    );
  }
  const roots = basename(dir) === 'boot' ? [dir, dirname(dir)] : [dir];
  const buildTree = bzImage.endsWith(`/${BUILD_TREE_IMAGE}`) ? [resolve(dir, '../../../.config')] : [];
  const trees = [
    ...(isInTree ? [dir] : []),
    ...MODULE_PLACES.flatMap((place) => roots.map((root) => join(root, place, release))),
  ];
  return {
    spec,
    release,
    label: release,
    sha256,
    bits,
    bzImage,
    modulesDir: await firstWhere(holdsModules, trees),
    config: await firstWhere(isFile, [
      join(dir, `config-${release}`),
      join(dir, '.config'),
      ...buildTree,
      ...trees.map((tree) => join(tree, 'config')),
    ]),
  };
}

/** Whether a directory is the module tree of a kernel: one with modules, or with a list of those that are built in. */
export async function holdsModules(dir: string): Promise<boolean> {
  const names = await readdir(dir).catch(() => []);
  return names.some((name) => PARTS_OF_TREE.has(name));
}

/**
 * The one kernel in a directory: its `vmlinuz-*` (or that in its `boot/`), else the `vmlinuz` of a module tree in it, of
 * the directory itself, its `bzImage`, or the image of a build tree. Undefined when there is none, a usage Fault when
 * there is more than one.
 */
export async function kernelFromDirectory(path: string, spec: string): Promise<Kernel | undefined> {
  const dir = resolve(path);
  const versioned = async (place: string) =>
    (await namesIn(place, dir, spec))
      .filter((name) => /^vmlinuz-./.test(name))
      .map((name) => join(place, name));
  const inTrees = async () => {
    const trees = await Promise.all(
      MODULE_PLACES.map(async (place) =>
        (await namesIn(join(dir, place), dir, spec)).map((one) => join(place, one)),
      ),
    );
    return trees.flat().map((tree) => join(dir, tree, 'vmlinuz'));
  };
  for (const find of [() => versioned(dir), () => versioned(join(dir, 'boot')), inTrees]) {
    const images = await distinctFiles(await find());
    const [image] = images;
    if (images.length > 1) {
      const list = images.map((file) => relative(dir, file)).join(', ');
      throw usageFault(`cannot choose a kernel in "${spec}": it holds ${list}; give the path of one of them`);
    }
    if (image !== undefined) return kernelFromFile(image, spec);
  }
  const unnamed = await firstWhere(
    isFile,
    UNNAMED_IMAGES.map((name) => join(dir, name)),
  );
  return unnamed === undefined ? undefined : kernelFromFile(unnamed, spec);
}

/**
 * Release, sha256 and word width of a bzImage (64 when its header is too old to have it). A usage Fault with the kind
 * of the file when it is not a bzImage or cannot be read.
 */
export async function inspectBzImage(
  path: string,
  spec: string,
): Promise<{ release: string; sha256: string; bits: 32 | 64 }> {
  try {
    const image = parseImage(await readHead(path));
    if (image.kind === 'other') {
      throw usageFault(`cannot use kernel "${spec}": it is ${image.what}, not a bzImage; ${image.remedy}`);
    }
    if (image.release === undefined) {
      throw usageFault(
        `cannot use kernel "${spec}": its header names no kernel release; give a bzImage as the kernel build makes it`,
      );
    }
    const { size } = await stat(path);
    if (size < image.leastBytes) {
      throw usageFault(
        `cannot use kernel "${spec}": it is cut off: its header says ${image.leastBytes} bytes, the file has ${size}; copy or build it again`,
      );
    }
    return { release: image.release, sha256: await sha256OfFile(path), bits: image.bits ?? 64 };
  } catch (error) {
    throw unreadable(spec, error) ?? error;
  }
}

/** Whether a bzImage is built for five-level page tables; undefined when it does not say, or is not there any more. */
export async function hasFiveLevels(path: string): Promise<boolean | undefined> {
  const head = await readHead(path).catch(() => undefined);
  const image = head === undefined ? undefined : parseImage(head);
  return image?.kind === 'bzimage' ? image.fiveLevels : undefined;
}

/** The version string of a bzImage, with its builder and its date; undefined when it has none, or cannot be read. */
export async function versionTextOf(path: string): Promise<string | undefined> {
  const head = await readHead(path).catch(() => undefined);
  return head === undefined ? undefined : versionIn(head);
}

/** The usage Fault for a path that cannot be read; undefined when the error is of another kind. */
export function unreadable(spec: string, error: unknown): Fault | undefined {
  const why: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or directory; give a path that exists, or debian:VERSION',
    ENOTDIR: 'a part of the path is not a directory; check the path',
    EACCES: 'permission denied; make it readable for this user (Debian keeps some of /boot for root)',
    EISDIR: 'it is a directory; give the path of the file in it',
    ELOOP: 'too many symbolic links; give the path of the file itself',
    ENAMETOOLONG: 'the path is too long; give a shorter one',
  };
  const code = errnoOf(error);
  if (code === undefined || !Object.hasOwn(why, code)) return undefined;
  return usageFault(`cannot read kernel "${spec}": ${why[code]}`, error);
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(SETUP_MAX_BYTES);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function namesIn(place: string, dir: string, spec: string): Promise<string[]> {
  try {
    return (await readdir(place)).sort();
  } catch (error) {
    if (place !== dir) return [];
    throw unreadable(spec, error) ?? error;
  }
}

/** Links to the same file count once; anything but files is left out. */
async function distinctFiles(paths: readonly string[]): Promise<string[]> {
  const byTarget = new Map<string, string>();
  for (const path of paths) {
    if (!(await isFile(path))) continue;
    const target = await realpath(path);
    if (!byTarget.has(target)) byTarget.set(target, path);
  }
  return [...byTarget.values()];
}

async function firstWhere(
  holds: (path: string) => Promise<boolean>,
  paths: readonly string[],
): Promise<string | undefined> {
  for (const path of paths) if (await holds(path)) return path;
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
