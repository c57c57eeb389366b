import type { Argv } from 'yargs';
import { single } from './words/guest-options.js';
import { factor } from './words/option-values.js';

/** `crashpath kernel crash-points`: words and options. */
export const CRASH_POINTS_COMMAND = {
  command: 'crash-points <spec>',
  builder: (yargs: Argv) =>
    yargs
      .positional('spec', {
        type: 'string',
        demandOption: true,
        describe: 'The kernel, as --kernel takes it',
      })
      .option('timeout-scale', {
        ...single(factor('--timeout-scale', { least: 0.1, most: 100 })),
        describe: 'Stretches every deadline, for slow hosts (default 1)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON object on stdout' })
      .example('$0 kernel crash-points stock', "Boots it once and lists lkdtm's crash points and types"),
} as const;
