import type { Argv } from 'yargs';
import type { AccelRequest } from '../../machine/qemu/accel/choose-accelerator.js';
import type { WordsOf } from './command-words.js';
import { ACCELERATORS, factor, nonEmpty, oneOf, wholeNumber } from './option-values.js';
import { jsonOption, OUT_OPTION, single } from './shared-options.js';

/** Options of `crashpath repro`. */
export interface ReproOptions {
  file: string;
  tries: number | undefined;
  kernel: string | undefined;
  'capture-kernel': string | undefined;
  'build-images': boolean;
  accel: AccelRequest | undefined;
  'timeout-scale': number | undefined;
  'dry-run': boolean;
  out: string;
  json: boolean;
}

export const DEFAULT_TRIES = 10;

/** `crashpath repro`: the run of a bundle, on this host. */
export const REPRO = {
  command: 'repro <file>',
  describe: "Run a bundle's scenario on its kernels here until its verdict shows once",
  builder: reproOptions,
} satisfies WordsOf<ReproOptions>;

function reproOptions(yargs: Argv<object>): Argv<ReproOptions> {
  return yargs
    .positional('file', {
      type: 'string',
      demandOption: true,
      describe: 'A file that crashpath bundle has made',
    })
    .option('tries', {
      ...single(wholeNumber('--tries', { least: 1, most: 10_000 })),
      describe: `Stop after so many runs without it (default ${DEFAULT_TRIES})`,
    })
    .option('kernel', {
      ...single(nonEmpty('--kernel')),
      alias: 'k',
      describe: 'Where the first kernel of a bundle of hashes is: a kernel spec; its sha256 must be the same',
    })
    .option('capture-kernel', {
      ...single(nonEmpty('--capture-kernel')),
      describe: 'The same for a capture kernel of its own',
    })
    .option('build-images', {
      type: 'boolean',
      default: false,
      describe: "Build the images from this host's programs, and leave the sender's unused",
    })
    .option('accel', {
      choices: ACCELERATORS,
      requiresArg: true,
      coerce: oneOf('--accel', ACCELERATORS),
      describe: "Accelerator (default: the sender's, and TCG where KVM is not proved here)",
    })
    .option('timeout-scale', {
      ...single(factor('--timeout-scale', { least: 0.1, most: 100 })),
      describe: 'Factor on every deadline, for slow hosts and slow kernels (default 1)',
    })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe: "Check the bundle, say how this host differs, print QEMU's command line; run nothing",
    })
    .option('out', OUT_OPTION)
    .option('json', jsonOption('Print one JSON object: what was wanted, how this host differs, each run'))
    .example('$0 repro hang.tar.zst', 'Until it shows, ten runs at most')
    .example('$0 repro hang.tar.zst --tries 50 --json', 'For a script')
    .epilogue(
      'Exit codes: 0 reproduced, 1 not reproduced, 2 no run could tell (void), 3 harness error, 64 no intact bundle or bad option. See docs/bundles.md.',
    );
}
