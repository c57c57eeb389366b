import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeHostText } from '../../model/escape.js';
import { sha256OfFile } from '../../cache/sha256.js';
import { holdsModules, inspectBzImage } from '../local.js';
import { BadPackage } from './unpack-package.js';

/** The kernel in a tree of unpacked packages, laid out as the cache has it. */
export interface TreeKernel {
  readonly release: string;
  readonly bzImageSha256: string;
  readonly bits: 32 | 64;
  readonly hasModules: boolean;
  readonly hasConfig: boolean;
  /** Where the image was, in the tree. */
  readonly image: string;
}

/** Most names in a message. */
const NAMED_MAX = 3;

/** True for the place of a kernel image, as {@link arrangeTree} looks for them. Pure. */
export function isImagePlace(place: string): boolean {
  return /^(?:boot\/vmlinuz-[^/]+|lib\/modules\/[^/]+\/vmlinuz)$/.test(place);
}

/**
 * Finds the one kernel in a tree of `boot/` and `lib/modules/`, and moves its image and config to `boot/`, where older
 * packages have them. Throws {@link BadPackage} when there is none, when there are several, and for modules of another
 * release; a usage Fault, which names `spec`, for an image that is no bzImage.
 */
export async function arrangeTree(tree: string, spec: string): Promise<TreeKernel> {
  const releases = await namesIn(join(tree, 'lib/modules'));
  const images = await distinct(tree, [
    ...(await namesIn(join(tree, 'boot'))).map((name) => `boot/${name}`),
    ...releases.map((release) => `lib/modules/${release}/vmlinuz`),
  ]);
  const [image, ...others] = images;
  if (image === undefined) throw new BadPackage('no boot/vmlinuz-* and no lib/modules/*/vmlinuz is in it');
  if (others.length > 0) throw new BadPackage(`several kernels are in it (${listOf(images)})`);
  const { release, sha256, bits } = await inspectBzImage(join(tree, image), spec);
  const modules = join(tree, 'lib/modules', release);
  const config = join(tree, 'boot', `config-${release}`);
  await mkdir(join(tree, 'boot'), { recursive: true });
  await rename(join(tree, image), join(tree, 'boot', `vmlinuz-${release}`));
  if (!(await isFile(config)) && (await isFile(join(modules, 'config')))) {
    await rename(join(modules, 'config'), config);
  }
  const hasModules = await holdsModules(modules);
  const foreign = releases.filter((name) => name !== release);
  if (foreign.length > 0) {
    throw new BadPackage(`the kernel in it is ${release}, the modules are of ${listOf(foreign)}`);
  }
  return { release, bzImageSha256: sha256, bits, hasModules, hasConfig: await isFile(config), image };
}

/** Images with the same bytes count once, and the others are removed: packages hold an image in both places. */
async function distinct(tree: string, places: readonly string[]): Promise<string[]> {
  const found = new Map<string, string>();
  for (const place of places.filter(isImagePlace)) {
    const path = join(tree, place);
    if (!(await isFile(path))) continue;
    const sha256 = await sha256OfFile(path);
    if (found.has(sha256)) await rm(path);
    else found.set(sha256, place);
  }
  return [...found.values()];
}

function listOf(names: readonly string[]): string {
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '';
  return escapeHostText(`${names.slice(0, NAMED_MAX).join(', ')}${more}`);
}

async function namesIn(dir: string): Promise<string[]> {
  const names: string[] = await readdir(dir).catch(() => []);
  return names.sort();
}

async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isFile() ?? false;
}
