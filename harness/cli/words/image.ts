import type { Argv } from 'yargs';
import type { GroupWords, WordsOf } from './command-words.js';
import { nonEmpty } from './option-values.js';
import { jsonOption, single, SPEC } from './shared-options.js';

/** Options of `image build`. */
export interface ImageBuildOptions {
  kernel: string;
  'capture-kernel': string | undefined;
  module: string[];
}

const build = {
  command: 'build',
  describe: 'Build the images of the first kernel and the capture kernel, unless the cache has them',
  builder: (yargs: Argv) =>
    yargs
      .option('kernel', {
        ...single((value: unknown) => nonEmpty('--kernel')(value) ?? ''),
        demandOption: true,
        alias: 'k',
        describe: SPEC,
      })
      .option('capture-kernel', {
        ...single(nonEmpty('--capture-kernel')),
        describe: 'Capture kernel, in the same forms (default: the same kernel)',
      })
      .option('module', {
        type: 'string',
        array: true,
        requiresArg: true,
        default: [] as string[],
        describe: "Module for the first kernel's image; may be repeated",
      })
      .example('$0 image build --kernel debian:6.1', 'Images for the newest Debian 6.1')
      .example('$0 image build --kernel debian:6.1 --module e1000', 'With a network driver'),
} satisfies WordsOf<ImageBuildOptions>;

const list = {
  command: 'list',
  describe: 'List the image pairs in the cache',
  builder: (yargs: Argv) =>
    yargs
      .option('json', jsonOption('Print JSON, one object per line'))
      .example('$0 image list', 'Key, state and directory of each pair'),
} satisfies WordsOf<{ json: boolean }>;

const show = {
  command: 'show <key>',
  describe: 'Show the contents of an image pair as JSON',
  builder: (yargs: Argv) =>
    withKey(yargs).example('$0 image show 262ba80c', 'By the first digits of its key'),
} satisfies WordsOf<{ key: string }>;

const rm = {
  command: 'rm <key>',
  describe: 'Remove an image pair from the cache',
  builder: (yargs: Argv) => withKey(yargs).example('$0 image rm 262ba80c', 'By the first digits of its key'),
} satisfies WordsOf<{ key: string }>;

function withKey(yargs: Argv) {
  return yargs.positional('key', {
    type: 'string',
    demandOption: true,
    describe: 'Key, or its first digits',
  });
}

/** `crashpath image`: build, list, show and remove guest images. */
export const IMAGE = {
  command: 'image',
  describe: 'Build, list, show and remove guest images',
  commands: { build, list, show, rm },
  example: ['$0 image list', 'The image pairs in the cache'],
} as const satisfies GroupWords;
