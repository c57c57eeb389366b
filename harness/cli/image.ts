import type { CommandModule } from 'yargs';
import { buildImages } from '../guest/image/build-images.js';
import { describeImage, listImages, removeImage } from '../guest/image/image-cache.js';
import { modulesFor, resolveKernel } from '../kernel/index.js';
import { cacheDirectory, say } from './context.js';
import { SPEC } from './kernel.js';

/** `crashpath image`: build, list, show and remove guest images. */
export const imageCommand: CommandModule = {
  command: 'image',
  describe: 'Build, list and remove guest images',
  builder: (yargs) =>
    yargs
      .command(
        'build',
        'Build the production and capture images for a kernel (from the cache when nothing changed)',
        (sub) =>
          sub
            .option('kernel', { type: 'string', demandOption: true, describe: SPEC })
            .option('capture-kernel', { type: 'string', describe: 'Capture kernel; the same when absent' })
            .option('module', {
              type: 'string',
              array: true,
              default: [],
              describe: 'Module for the production guest',
            })
            .example('$0 image build --kernel debian:6.1', 'Images for the newest 6.1')
            .example('$0 image build --kernel debian:6.1 --module e1000', 'With a network driver'),
        async (argv) => {
          const cacheDir = cacheDirectory();
          const kernel = await resolveKernel(argv.kernel, { cacheDir, onProgress: say });
          const captureKernel =
            argv.captureKernel === undefined
              ? kernel
              : await resolveKernel(argv.captureKernel, { cacheDir, onProgress: say });
          const modules = await modulesFor(kernel, argv.module);
          const images = await buildImages(
            { captureKernel, modules, captureModules: [] },
            { cacheDir, onProgress: say },
          );
          for (const name of ['production', 'capture'] as const) {
            const image = images[name];
            process.stdout.write(`${name}  ${image.sha256}  ${image.bytes} bytes  ${image.path}\n`);
          }
        },
      )
      .command(
        'list',
        'List the images in the cache',
        (sub) => sub,
        async () => {
          for (const image of await listImages({ cacheDir: cacheDirectory() })) {
            process.stdout.write(`${image.key}  ${image.damage ?? 'ok'}  ${image.dir}\n`);
          }
        },
      )
      .command(
        'show <key>',
        'Show what is in an image pair',
        (sub) =>
          sub.positional('key', { type: 'string', demandOption: true, describe: 'Key, or its beginning' }),
        async ({ key }) => {
          const image = await describeImage(key, { cacheDir: cacheDirectory(), verify: true });
          process.stdout.write(`${JSON.stringify(image, null, 2)}\n`);
        },
      )
      .command(
        'rm <key>',
        'Remove an image pair from the cache',
        (sub) =>
          sub.positional('key', { type: 'string', demandOption: true, describe: 'Key, or its beginning' }),
        async ({ key }) => {
          say(`removed ${await removeImage(key, { cacheDir: cacheDirectory() })}`);
        },
      )
      .demandCommand(1, 'name an image command: build, list, show or rm'),
  handler: () => undefined,
};
