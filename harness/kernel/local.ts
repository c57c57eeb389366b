import { open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { sha256OfFile } from '../cache/sha256.js';
import { type Fault, usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { parseImage, SETUP_MAX_BYTES, versionIn } from './bzimage.js';
import { errnoOf } from '../model/errno.js';

/** Where a build tree of the kernel puts the image. */
const BUILD_TREE_IMAGE = 'arch/x86/boot/bzImage';
const UNNAMED_IMAGES = ['vmlinuz', 'bzImage', BUILD_TREE_IMAGE];

/**
 * A kernel image in place (it is not copied). A config next to it (`config-<release>`, `.config`, or that of the build
 * tree) and modules next to a `boot` directory are used. A usage Fault when it is no bzImage.
 */
export async function kernelFromFile(path: string, spec: string): Promise<Kernel> {
  const bzImage = resolve(path);
  const { release, sha256, bits } = await inspectBzImage(bzImage, spec);
  const dir = dirname(bzImage);
  const roots = basename(dir) === 'boot' ? [dir, dirname(dir)] : [dir];
  const buildTree = bzImage.endsWith(`/${BUILD_TREE_IMAGE}`) ? [resolve(dir, '../../../.config')] : [];
  return {
    spec,
    release,
    label: release,
    sha256,
    bits,
    bzImage,
    modulesDir: await firstOf(
      'directory',
      roots.map((root) => join(root, 'lib', 'modules', release)),
    ),
    config: await firstOf('file', [join(dir, `config-${release}`), join(dir, '.config'), ...buildTree]),
  };
}

/**
 * The one kernel in a directory: its `vmlinuz-*` (or that in its `boot/`), else `vmlinuz`, `bzImage`, or the
 * image of a build tree. A usage Fault when there is none or more than one.
 */
export async function kernelFromDirectory(path: string, spec: string): Promise<Kernel> {
  const dir = resolve(path);
  for (const place of [dir, join(dir, 'boot')]) {
    const names = (await namesIn(place, dir, spec)).filter((name) => /^vmlinuz-./.test(name));
    const images = await distinctFiles(names.map((name) => join(place, name)));
    const [image] = images;
    if (images.length > 1) {
      const list = images.map((file) => basename(file)).join(', ');
      throw usageFault(`cannot choose a kernel in "${spec}": it holds ${list}; give the path of one of them`);
    }
    if (image !== undefined) return kernelFromFile(image, spec);
  }
  const unnamed = await firstOf(
    'file',
    UNNAMED_IMAGES.map((name) => join(dir, name)),
  );
  if (unnamed !== undefined) return kernelFromFile(unnamed, spec);
  throw usageFault(
    `cannot find a kernel in "${spec}": the directory holds no vmlinuz-*, vmlinuz or bzImage; give the path of a bzImage`,
  );
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
    if ((await firstOf('file', [path])) === undefined) continue;
    const target = await realpath(path);
    if (!byTarget.has(target)) byTarget.set(target, path);
  }
  return [...byTarget.values()];
}

async function firstOf(kind: 'file' | 'directory', paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (kind === 'file' ? found?.isFile() : found?.isDirectory()) return path;
  }
  return undefined;
}
