import type { Argv, CommandModule } from 'yargs';
import { SPEC } from '../kernel-spec.js';
import { nonEmpty } from './option-values.js';

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
        handler: async (argv) => (await actions()).buildPair(argv),
      })
      .command({
        ...IMAGE_COMMANDS.list,
        describe: 'List the images in the cache',
        handler: async (argv) => (await actions()).listPairs(argv),
      })
      .command({
        ...IMAGE_COMMANDS.show,
        describe: 'Show what is in an image pair, as JSON',
        handler: async (argv) => (await actions()).showPair(argv),
      })
      .command({
        ...IMAGE_COMMANDS.rm,
        describe: 'Remove an image pair from the cache',
        handler: async (argv) => (await actions()).removePair(argv),
      })
      .demandCommand(1, 'name an image command: build, list, show or rm')
      .example('$0 image list', 'What the cache holds'),
  handler: () => undefined,
};

const actions = () => import('../actions/images.js');

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

function listOf(yargs: Argv) {
  return yargs
    .option('json', { type: 'boolean', default: false, describe: 'JSON on stdout, one object a line' })
    .example('$0 image list', 'Key, state and folder of each pair');
}

function keyOf(yargs: Argv) {
  return yargs.positional('key', { type: 'string', demandOption: true, describe: 'Key, or its beginning' });
}

function showOf(yargs: Argv) {
  return keyOf(yargs).example('$0 image show 262ba80c', 'By the beginning of its key');
}

function rmOf(yargs: Argv) {
  return keyOf(yargs).example('$0 image rm 262ba80c', 'By the beginning of its key');
}
