import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withTempDir } from '../cache/cache-directory.js';
import { inCache } from '../cache/cache-fault.js';
import { sha256Of } from '../cache/sha256.js';
import { harnessFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import {
  checkModules,
  type ImageModule,
  type LoadedEntry,
  loadEntries,
  readCaptureKernel,
} from './contents.js';
import { errnoOf } from '../model/errno.js';
import { type HostProgram, readProgram } from './host-programs.js';
import { readTreeProgram } from './tree-programs.js';
import { imageCache, imageDir, inspectImages, manifestFile, publishImages } from './image-cache.js';
import { describeSource, IMAGE_SCHEMA, type ImageManifest, imageKey, type Manifest } from './manifest.js';
import { type ArchiveEntry, packNewc } from './newc.js';
import { planImage } from './plan-image.js';
import {
  IMAGE_NAMES,
  type ImageFeature,
  type ImageName,
  linesFor,
  parseRecipes,
  type Recipes,
} from './recipe.js';

/** The inputs of a pair of images besides the recipe and the host's programs. */
export interface ImageInputs {
  readonly captureKernel: Kernel;
  /** Modules of the first kernel's image, in load order. */
  readonly modules: readonly ImageModule[];
  /** Modules of the capture image, in load order. */
  readonly captureModules: readonly ImageModule[];
  /** Modules of the capture image for the disk that takes the dump, in load order; with the feature `vmcore`. */
  readonly dumpModules?: readonly ImageModule[] | undefined;
  /** Root of a tree with the guests' programs, where the host's cannot run: for 32-bit kernels. */
  readonly programsRoot?: string | undefined;
  /** Optional features of the images; none when absent. */
  readonly features?: readonly ImageFeature[] | undefined;
}

export interface BuildOptions {
  /** The cache; pairs live in its `images/`. */
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with one line of text per step that takes time. */
  readonly onProgress?: ((message: string) => void) | undefined;
  /** Checks the full hashes of a cached pair before it is reused; otherwise sizes only. */
  readonly verify?: boolean | undefined;
  /** Folder with recipes.yaml and init/; crashpath's own when absent. */
  readonly imagesDir?: string | undefined;
  /** Colon-separated folders of host programs; PATH and the sbin folders when absent. */
  readonly searchPath?: string | undefined;
}

/** One image on disk. */
export interface ImageFile {
  /** Absolute path. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface GuestImages {
  /**
   * The initramfs for QEMU's -initrd; contains the capture kernel and the capture image. `production` is the first
   * kernel's, also as a file name.
   */
  readonly production: ImageFile;
  readonly capture: ImageFile;
  readonly key: string;
  /** True when the pair came from the cache. */
  readonly reused: boolean;
}

/** The package's images/ folder; compiled code and source lie at the same depth below the root. */
const OWN_IMAGES_DIR = fileURLToPath(new URL('../../images/', import.meta.url));

/**
 * Makes the images of the first kernel and the capture kernel, or finds them in the cache. Same inputs, same bytes.
 * Throws harness Faults for the host's problems (program missing, cache not writable, disk full), a usage Fault when
 * the kernel file changed since it was resolved, and the signal's reason when aborted; nothing incomplete stays in the
 * cache.
 */
export async function buildImages(inputs: ImageInputs, options: BuildOptions): Promise<GuestImages> {
  options.signal?.throwIfAborted();
  const imagesDir = options.imagesDir ?? OWN_IMAGES_DIR;
  const { dumpModules = [] } = inputs;
  checkModules([...inputs.modules, ...inputs.captureModules, ...dumpModules]);
  const recipes = await readRecipes(join(imagesDir, 'recipes.yaml'));
  const loaded = await loadImages(inputs, recipes, imagesDir, options);
  const key = imageKey(loaded);
  return inCache(imageCache(options.cacheDir), async () => {
    const cached = await inspectImages(key, options);
    if (cached?.manifest !== undefined && cached.damage === undefined) {
      return guestImages(cached.manifest, options.cacheDir, true);
    }
    if (cached !== undefined) options.onProgress?.(`images ${key}: ${cached.damage}; building them again`);
    return makeImages(key, loaded, inputs.captureKernel, options);
  });
}

async function readRecipes(file: string): Promise<Recipes> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const code = errnoOf(error) ?? 'unknown error';
    throw harnessFault(
      `cannot read image recipes "${file}": ${code}; restore the file from the release`,
      error,
    );
  });
  return parseRecipes(text, file);
}

type LoadedImages = Readonly<Record<ImageName, readonly LoadedEntry[]>>;

async function loadImages(
  inputs: ImageInputs,
  recipes: Recipes,
  imagesDir: string,
  options: BuildOptions,
): Promise<LoadedImages> {
  const linesOf = (name: ImageName) => linesFor(recipes.images[name], inputs.features ?? []);
  const lines = IMAGE_NAMES.flatMap(linesOf);
  const names = [...new Set(lines.flatMap((line) => ('program' in line ? [line.program] : [])))];
  const programs = new Map<string, HostProgram>();
  const { programsRoot } = inputs;
  for (const name of names) {
    const program =
      programsRoot === undefined
        ? await readProgram(name, recipes.programs, options)
        : await readTreeProgram(name, programsRoot);
    programs.set(name, program);
  }
  const libraries = new Map([...programs].map(([name, program]) => [name, program.libraries]));
  const namesOf = (modules: readonly ImageModule[]) => modules.map(({ name }) => name);
  const load = async (
    image: ImageName,
    modules: readonly ImageModule[],
    dumpModules: readonly ImageModule[] = [],
  ): Promise<LoadedEntry[]> => {
    const facts = { libraries, modules: namesOf(modules), dumpModules: namesOf(dumpModules) };
    return loadEntries(planImage(image, linesOf(image), facts), {
      scriptsDir: join(imagesDir, 'init'),
      programs,
      modules: [...modules, ...dumpModules],
      captureKernel: inputs.captureKernel,
      librariesRoot: inputs.programsRoot,
      signal: options.signal,
    });
  };
  return {
    capture: await load('capture', inputs.captureModules, inputs.dumpModules),
    production: await load('production', inputs.modules),
  };
}

async function makeImages(
  key: string,
  loaded: LoadedImages,
  captureKernel: Kernel,
  options: BuildOptions,
): Promise<GuestImages> {
  const kernel = await readCaptureKernel(captureKernel, options.signal);
  const manifest = await withTempDir(imageCache(options.cacheDir), async (dir) => {
    const make = async (name: ImageName, captureImage?: Buffer): Promise<[ImageManifest, Buffer]> => {
      options.onProgress?.(`images ${key}: packing ${name}`);
      const entries = loaded[name].map((each) => archiveEntry(each, kernel, captureImage));
      options.signal?.throwIfAborted();
      const archive = packNewc(entries);
      const file = `${name}.cpio`;
      await writeFile(join(dir, file), archive, { signal: options.signal });
      const listed = entries.map(manifestEntry);
      return [{ file, bytes: archive.length, sha256: sha256Of(archive), entries: listed }, archive];
    };
    const [capture, captureBytes] = await make('capture');
    const [production] = await make('production', captureBytes);
    const made: Manifest = {
      schema: IMAGE_SCHEMA,
      key,
      captureKernel: { release: captureKernel.release, sha256: captureKernel.sha256 },
      images: { production, capture },
    };
    const { name, text } = manifestFile(made);
    await writeFile(join(dir, name), text);
    // mkdtemp makes folders with mode 0700; a finished pair is as readable as the rest of the cache.
    await chmod(dir, 0o755);
    options.signal?.throwIfAborted();
    await publishImages(dir, key, options);
    return made;
  });
  return guestImages(manifest, options.cacheDir, false);
}

function archiveEntry(loaded: LoadedEntry, kernel: Buffer, captureImage: Buffer | undefined): ArchiveEntry {
  const { entry } = loaded;
  if (entry.kind === 'dir') return { entry };
  if (entry.source.from === 'kernel') return { entry, bytes: kernel };
  if (entry.source.from === 'image') return { entry, bytes: captureImage };
  return { entry, bytes: loaded.bytes };
}

function manifestEntry({ entry, bytes = Buffer.alloc(0) }: ArchiveEntry): ImageManifest['entries'][number] {
  const mode = entry.mode.toString(8).padStart(4, '0');
  if (entry.kind === 'dir') return { kind: 'dir', path: entry.path, mode };
  const source = describeSource(entry.source);
  return { kind: 'file', path: entry.path, mode, size: bytes.length, sha256: sha256Of(bytes), source };
}

function guestImages(manifest: Manifest, cacheDir: string, reused: boolean): GuestImages {
  const dir = imageDir(cacheDir, manifest.key);
  const file = ({ file: name, sha256, bytes }: ImageManifest): ImageFile => ({
    path: join(dir, name),
    sha256,
    bytes,
  });
  return {
    production: file(manifest.images.production),
    capture: file(manifest.images.capture),
    key: manifest.key,
    reused,
  };
}
