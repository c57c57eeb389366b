import { buildImages } from '../../image/build-images.js';
import { describeImage, listImages, removeImage } from '../../image/image-cache.js';
import { guestProgramsFor, modulesFor, resolveKernel } from '../../kernel/index.js';
import { cacheOptions, say } from '../context.js';
import { cacheDirectory } from '../directories.js';

/** Builds the images of a kernel, or takes them from the cache, and prints where they are. */
export async function buildPair(argv: {
  kernel: string;
  captureKernel: string | undefined;
  module: string[];
}): Promise<void> {
  const options = cacheOptions();
  const kernel = await resolveKernel(argv.kernel, options);
  const captureKernel =
    argv.captureKernel === undefined ? kernel : await resolveKernel(argv.captureKernel, options);
  const modules = await modulesFor(kernel, argv.module);
  const programsRoot = await guestProgramsFor(kernel, options);
  const images = await buildImages({ captureKernel, modules, captureModules: [], programsRoot }, options);
  for (const name of ['production', 'capture'] as const) {
    const image = images[name];
    process.stdout.write(`${name}  ${image.sha256}  ${image.bytes} bytes  ${image.path}\n`);
  }
}

/** Prints the image pairs in the cache. */
export async function listPairs({ json }: { json: boolean }): Promise<void> {
  const images = await listImages({ cacheDir: cacheDirectory() });
  for (const { key, damage, dir } of images) {
    process.stdout.write(
      json
        ? `${JSON.stringify({ key, dir, damage: damage ?? null })}\n`
        : `${key}  ${damage ?? 'ok'}  ${dir}\n`,
    );
  }
  if (images.length === 0) say(`no images in ${cacheDirectory()}`);
}

/** Prints the contents of an image pair. */
export async function showPair({ key }: { key: string }): Promise<void> {
  const image = await describeImage(key, { cacheDir: cacheDirectory(), verify: true });
  process.stdout.write(`${JSON.stringify(image, null, 2)}\n`);
}

/** Removes an image pair. */
export async function removePair({ key }: { key: string }): Promise<void> {
  say(`removed ${await removeImage(key, { cacheDir: cacheDirectory() })}`);
}
