import type { Argv } from 'yargs';
import type { GroupWords, WordsOf } from './command-words.js';
import { jsonOption } from './shared-options.js';

const build = {
  command: 'build <spec>',
  describe: 'Build a distribution by mmdebstrap, unless the cache has it',
  builder: (yargs: Argv) =>
    yargs
      .positional('spec', { type: 'string', demandOption: true, describe: 'Distribution: debian:12' })
      .option('json', jsonOption('Print one JSON object'))
      .example('$0 distribution build debian:12', 'Debian 12 with its kernel, kdump-tools and makedumpfile'),
} satisfies WordsOf<{ spec: string; json: boolean }>;

const list = {
  command: 'list',
  describe: 'List the distributions in the cache',
  builder: (yargs: Argv) =>
    yargs
      .option('json', jsonOption('Print JSON, one object per line'))
      .example('$0 distribution list', 'Key, spec, kernel, and directory of each'),
} satisfies WordsOf<{ json: boolean }>;

const rm = {
  command: 'rm <distribution>',
  describe: 'Remove a distribution from the cache, so that the next build has the newest packages',
  builder: (yargs: Argv) =>
    yargs
      .positional('distribution', {
        type: 'string',
        demandOption: true,
        describe: 'Its spec, or the first 8 digits of its key',
      })
      .example('$0 distribution rm debian:12', 'All builds of it'),
} satisfies WordsOf<{ distribution: string }>;

/** `crashpath distribution`: the systems of `crashpath run --distribution`. */
export const DISTRIBUTION = {
  command: 'distribution',
  describe: 'Build, list and remove distributions, for run --distribution',
  commands: { build, list, rm },
  example: ['$0 distribution list', 'The distributions in the cache'],
} as const satisfies GroupWords;
