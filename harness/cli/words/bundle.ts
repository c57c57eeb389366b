import type { Argv } from 'yargs';
import { usageFault } from '../../model/fault.js';
import type { WordsOf } from './command-words.js';
import { nonEmpty } from './option-values.js';
import { jsonOption, OUT_OPTION, single } from './shared-options.js';

/** Options of `crashpath bundle`. */
export interface BundleOptions {
  run: string | undefined;
  output: string | undefined;
  list: string | undefined;
  'hashes-only': boolean;
  out: string;
  json: boolean;
}

/** `crashpath bundle`: a stored run as one file for another host. */
export const BUNDLE = {
  command: 'bundle [run]',
  describe: 'Pack a stored run, with its kernels, into one file that crashpath repro runs elsewhere',
  builder: bundleOptions,
} satisfies WordsOf<BundleOptions>;

/** What `crashpath bundle` was asked for. */
export type BundleRequest =
  | { readonly pack: { readonly run: string; readonly output: string } }
  | { readonly list: string };

/** Throws a usage fault for options that contradict each other, or too few of them. Pure. */
export function bundleRequest(argv: BundleOptions & { hashesOnly: boolean }): BundleRequest {
  const { run, output, list, hashesOnly } = argv;
  if (list !== undefined) {
    const beside = [
      ...(run === undefined ? [] : [run]),
      ...(output === undefined ? [] : ['--output']),
      ...(hashesOnly ? ['--hashes-only'] : []),
    ];
    if (beside.length === 0) return { list };
    throw usageFault(
      `cannot list bundle "${list}" with ${beside.join(' ')}: listing packs nothing; drop one of them`,
    );
  }
  if (run === undefined)
    throw usageFault('cannot bundle "nothing": no run is named; name its directory, or give --list FILE');
  if (output === undefined || output === '-')
    throw usageFault(`cannot bundle run "${run}": no file is named; give --output FILE`);
  return { pack: { run, output } };
}

function bundleOptions(yargs: Argv<object>): Argv<BundleOptions> {
  return yargs
    .positional('run', { type: 'string', describe: 'Directory of a run, or its name' })
    .option('output', {
      ...single(nonEmpty('--output')),
      alias: 'o',
      describe: 'File to write; an older one is replaced',
    })
    .option('list', {
      ...single(nonEmpty('--list')),
      describe: "Print a bundle's members and everything that it says about the sender's host; pack nothing",
    })
    .option('hashes-only', {
      type: 'boolean',
      default: false,
      describe: 'Leave kernels and images out: the receiver must have the same kernels',
    })
    .option('out', OUT_OPTION)
    .option('json', jsonOption('Print the list, or what was packed, as one JSON object'))
    .example('$0 bundle 001-sysrq-task-6.1.0-56-amd64 -o hang.tar.zst', 'The newest run of that name')
    .example('$0 bundle --list hang.tar.zst', 'What is in it')
    .epilogue(
      'Exit codes: 0 done, 3 harness error, 64 no such run, or no intact bundle. See docs/bundles.md.',
    );
}
