import { lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isKernelPackageFile, specBeside } from '../kernel/index.js';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { Fault, usageFault } from '../model/fault.js';
import { fitsGlob } from '../model/glob.js';
import type { Kernel } from '../model/kernel.js';
import type { NamedSource } from '../night/read-night.js';
import { keepKernel } from './kept-kernels.js';
import type { NightWorks } from './works.js';

/** A kernel under test. */
export interface FoundKernel {
  /** The column: the source's name, and for an older build of a directory `<source>@<build>`. */
  readonly column: string;
  readonly source: string;
  /** As the file names it. */
  readonly spec: string;
  /** A spec that means the same bytes in later nights. */
  readonly place: string;
  readonly kernel: Kernel;
  readonly commit?: string | undefined;
}

export interface FoundKernels {
  readonly kernels: readonly FoundKernel[];
  /** What is gone on without. */
  readonly faults: readonly string[];
  /** Builds that the next night takes. */
  readonly deferred: readonly string[];
}

export interface FindOptions {
  /** Directory of the night's file: relative paths begin there. */
  readonly base: string;
  /** Where kernels that may vanish are copied to; undefined: they are used in place. */
  readonly keepIn: string | undefined;
  /** A build that does not change for this long is complete. */
  readonly settleMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Names that copies and downloads under way have. */
const UNFINISHED = /^\.|~$|\.(part|partial|tmp|temp|swp|crdownload|filepart)$/;
/** Where a directory of a build has its image, or the packages that hold it (kernel/local.ts, kernel/packages/). */
const IMAGE_PLACES = ['.', 'boot', 'arch/x86/boot'];
const MODULE_PLACES = ['lib/modules', 'usr/lib/modules'];
const IMAGE = /^(vmlinuz(-.+)?|bzImage)$/;

/**
 * The kernels of the file's sources. A source that cannot be used is a fault, in one line, and the others go on; so is a
 * build that is not a whole kernel, and the next older one takes its place.
 */
export async function findKernels(
  sources: readonly NamedSource[],
  works: NightWorks,
  options: FindOptions,
): Promise<FoundKernels> {
  const kernels: FoundKernel[] = [];
  const faults: string[] = [];
  const deferred: string[] = [];
  for (const source of sources) {
    options.signal?.throwIfAborted();
    const fail = (error: unknown) => faults.push(`${source.name}: ${faultText(error)}`);
    try {
      if ('directory' in source) {
        const found = await buildsIn(source, works, options);
        kernels.push(...found.kernels);
        faults.push(...found.faults.map((fault) => `${source.name}: ${fault}`));
        deferred.push(...found.deferred.map((line) => `${source.name}: ${line}`));
      } else {
        kernels.push({
          ...(await oneKernel(source, works, options)),
          column: source.name,
          source: source.name,
        });
      }
    } catch (error) {
      fail(error);
    }
  }
  return { kernels, faults, deferred };
}

/** The message of an expected fault; any other error is thrown. */
export function faultText(error: unknown): string {
  if (error instanceof Fault) return error.message;
  if (errnoOf(error) !== undefined) return reasonFor(errnoOf(error)) ?? messageOf(error);
  throw error;
}

async function oneKernel(
  source: Exclude<NamedSource, { directory: string }>,
  works: NightWorks,
  { base, keepIn }: FindOptions,
): Promise<Pick<FoundKernel, 'spec' | 'place' | 'kernel' | 'commit'>> {
  if ('git' in source) {
    const config = source.config === undefined ? undefined : resolve(base, source.config);
    const { variant } = source;
    const patch = /^\.\.?\//.test(variant) ? resolve(base, variant) : variant;
    const { kernel, commit } = await works.build({
      ...{ git: resolve(base, source.git), ref: source.ref, variant: patch, config },
    });
    return { spec: `git:${source.git} ${source.ref}`, place: placeInCache(kernel), kernel, commit };
  }
  const spec = 'debian' in source ? `debian:${source.debian}` : specBeside(source.spec, base);
  return keptKernel(spec, works, keepIn);
}

/** The kernel of a spec, copied when it may change or vanish. */
export async function keptKernel(
  spec: string,
  works: NightWorks,
  keepIn: string | undefined,
): Promise<{ spec: string; place: string; kernel: Kernel }> {
  const kernel = await works.resolve(spec);
  if (works.isKept(kernel)) return { spec, place: placeInCache(kernel), kernel };
  if (keepIn === undefined) return { spec, place: spec, kernel };
  const place = await keepKernel(kernel, keepIn);
  return { spec, place, kernel: await works.resolve(place) };
}

/** The directory of a kernel in the cache (kernel/kernel-cache.ts): a spec that means it. */
function placeInCache({ bzImage }: Kernel): string {
  return dirname(dirname(bzImage));
}

interface Build {
  readonly name: string;
  readonly path: string;
  /** The image whose size shows whether it is complete. */
  readonly image: string;
  readonly mtimeMs: number;
  /** Of the image, when the directory was listed. */
  readonly listed: { readonly size: number; readonly mtimeMs: number };
}

async function buildsIn(
  { directory, newest, pattern, name: source }: Extract<NamedSource, { directory: string }>,
  works: NightWorks,
  options: FindOptions,
): Promise<FoundKernels> {
  const place = resolve(options.base, directory);
  const names = await readdir(place).catch((error: unknown) => {
    throw new Fault(
      'harness',
      `cannot read the directory of builds "${place}": ${reasonFor(errnoOf(error)) ?? messageOf(error)}; make it or correct the path`,
      { cause: error },
    );
  });
  const candidates = names.filter((name) => fitsGlob(name, pattern) && !UNFINISHED.test(name)).sort();
  const builds: Build[] = [];
  const faults: string[] = [];
  for (const name of candidates) {
    try {
      const build = await buildAt(join(place, name), name);
      if (build !== undefined) builds.push(build);
    } catch (error) {
      faults.push(faultText(error));
    }
  }
  const settled = settling(options);
  builds.sort((a, b) => b.mtimeMs - a.mtimeMs || (a.name < b.name ? 1 : -1));
  const kernels: FoundKernel[] = [];
  const deferred: string[] = [];
  for (const build of builds) {
    if (kernels.length === newest) break;
    try {
      if (!(await settled(build))) {
        deferred.push(`build "${build.name}" is still being written; the next night takes it`);
        continue;
      }
      const found = await keptKernel(build.path, works, options.keepIn);
      if (kernels.some(({ kernel }) => kernel.sha256 === found.kernel.sha256)) continue;
      kernels.push({ ...found, column: columnOf(build.name, { source, index: kernels.length }), source });
    } catch (error) {
      faults.push(faultText(error));
    }
  }
  if (builds.length === 0 && faults.length === 0)
    faults.push(`no build in "${place}" fits "${pattern}"; put kernels there, or correct the pattern`);
  return { kernels, faults, deferred };
}

/** Column of a build, by its place among the newest: file names are foreign text, and may be long. */
function columnOf(name: string, { source, index }: { source: string; index: number }): string {
  if (index === 0) return source;
  const plain = name.replace(/[^\w.+~-]/g, '_').slice(0, 120);
  return `${source}@${plain === name ? name : `${index + 1}-${plain}`}`;
}

/**
 * A file, or a directory with an image in one of the usual places; undefined for anything else, or when it is gone. A
 * usage fault for a directory that this user cannot read, and for a link that leads nowhere: nobody would miss the build.
 */
async function buildAt(path: string, name: string): Promise<Build | undefined> {
  const found = await stat(path).catch(async (error: unknown) => {
    const gone = errnoOf(error) === 'ENOENT' && !(await isLink(path));
    if (!gone) throw unreadableBuild(path, error);
    return undefined;
  });
  if (found?.isFile()) return { name, path, image: path, mtimeMs: found.mtimeMs, listed: found };
  if (!found?.isDirectory()) return undefined;
  for (const image of await imagesIn(path)) {
    const inside = await stat(image).catch(() => undefined);
    if (!inside?.isFile()) continue;
    return { name, path, image, mtimeMs: Math.max(found.mtimeMs, inside.mtimeMs), listed: inside };
  }
  return undefined;
}

/** Paths that may be the image of a build, or the packages that hold it, the more usual ones first. */
async function imagesIn(path: string): Promise<string[]> {
  const namesIn = async (place: string) => {
    const names: string[] = await readdir(join(path, place)).catch((error: unknown) => {
      if (errnoOf(error) === 'EACCES') throw unreadableBuild(join(path, place), error);
      return [];
    });
    return names.sort();
  };
  const images: string[] = [];
  for (const place of IMAGE_PLACES) {
    images.push(...(await namesIn(place)).filter((one) => IMAGE.test(one)).map((one) => join(place, one)));
  }
  for (const place of MODULE_PLACES) {
    images.push(...(await namesIn(place)).map((release) => join(place, release, 'vmlinuz')));
  }
  images.push(...(await namesIn('.')).filter(isKernelPackageFile));
  return images.map((image) => join(path, image));
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}

function unreadableBuild(path: string, error: unknown): Fault {
  const why = reasonFor(errnoOf(error)) ?? messageOf(error);
  return usageFault(
    `cannot read build "${path}": ${why}; make it readable for this user, or remove it`,
    error,
  );
}

/**
 * Whether a build's size and time stay as they were when the directory was listed, for a moment that is waited for once.
 * The clock is not asked: a file server may have another one.
 */
function settling({ settleMs, signal }: FindOptions): (build: Build) => Promise<boolean> {
  let waited: Promise<void> | undefined;
  return async ({ image, listed }) => {
    await (waited ??= sleep(settleMs, undefined, { signal }));
    const now = await stat(image);
    return listed.size === now.size && listed.mtimeMs === now.mtimeMs;
  };
}
