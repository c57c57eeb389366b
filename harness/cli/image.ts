import type { Argv, CommandModule } from 'yargs';
import { buildImages } from '../guest/image/build-images.js';
import { describeImage, listImages, removeImage } from '../guest/image/image-cache.js';
import { guestProgramsFor, modulesFor, resolveKernel } from '../kernel/index.js';
import { say } from './context.js';
import { SPEC } from './kernel.js';
import { nonEmpty } from './option-values.js';
import { cacheDirectory } from './places.js';

/** What {@link imageCommand} holds: positionals and options by command. */
export const IMAGE_COMMANDS = {
  build: { command: 'build', builder: buildOf },
  list: { command: 'list', builder: listOf },
  show: { command: 'show <key>', builder: showOf },
  rm: { command: 'rm <key>', builder: rmOf },
} as const;

/** `crashpath image`: build, list, show and remove guest images. */
export const imageCommand: CommandModule = {
  command: 'image',
  describe: 'Build, list and remove guest images',
  builder: (yargs) =>
    yargs
      .command({
        ...IMAGE_COMMANDS.build,
        describe:
          'Build the production and capture images for a kernel (from the cache when nothing changed)',
        handler: build,
      })
      .command({ ...IMAGE_COMMANDS.list, describe: 'List the images in the cache', handler: list })
      .command({
        ...IMAGE_COMMANDS.show,
        describe: 'Show what is in an image pair, as JSON',
        handler: show,
      })
      .command({ ...IMAGE_COMMANDS.rm, describe: 'Remove an image pair from the cache', handler: rm })
      .demandCommand(1, 'name an image command: build, list, show or rm')
      .example('$0 image list', 'What the cache holds'),
  handler: () => undefined,
};

function buildOf(yargs: Argv) {
  return yargs
    .option('kernel', {
      type: 'string',
      requiresArg: true,
      demandOption: true,
      alias: 'k',
      coerce: (value: unknown) => nonEmpty('--kernel')(value) ?? '',
      describe: SPEC,
    })
    .option('capture-kernel', {
      type: 'string',
      requiresArg: true,
      coerce: nonEmpty('--capture-kernel'),
      describe: 'Capture kernel; the same when absent',
    })
    .option('module', {
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as string[],
      describe: 'Module for the production guest',
    })
    .example('$0 image build --kernel debian:6.1', 'Images for the newest 6.1')
    .example('$0 image build --kernel debian:6.1 --module e1000', 'With a network driver');
}

async function build(argv: {
  kernel: string;
  captureKernel: string | undefined;
  module: string[];
}): Promise<void> {
  const options = { cacheDir: cacheDirectory(), onProgress: say };
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

function listOf(yargs: Argv) {
  return yargs
    .option('json', { type: 'boolean', default: false, describe: 'JSON on stdout, one object a line' })
    .example('$0 image list', 'Key, state and folder of each pair');
}

async function list({ json }: { json: boolean }): Promise<void> {
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

function keyOf(yargs: Argv) {
  return yargs.positional('key', { type: 'string', demandOption: true, describe: 'Key, or its beginning' });
}

function showOf(yargs: Argv) {
  return keyOf(yargs).example('$0 image show 262ba80c', 'By the beginning of its key');
}

async function show({ key }: { key: string }): Promise<void> {
  const image = await describeImage(key, { cacheDir: cacheDirectory(), verify: true });
  process.stdout.write(`${JSON.stringify(image, null, 2)}\n`);
}

function rmOf(yargs: Argv) {
  return keyOf(yargs).example('$0 image rm 262ba80c', 'By the beginning of its key');
}

async function rm({ key }: { key: string }): Promise<void> {
  say(`removed ${await removeImage(key, { cacheDir: cacheDirectory() })}`);
}
