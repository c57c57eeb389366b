import type { Argv } from 'yargs';
import type { WordsOf } from './command-words.js';
import { jsonOption, OUT_OPTION } from './shared-options.js';

/** Options of `crashpath diff`. */
export interface DiffOptions {
  run: string;
  other: string;
  full: boolean;
  out: string;
  json: boolean;
}

/** `crashpath diff`: what differs between two stored runs. */
export const DIFF = {
  command: 'diff <run> <other>',
  describe: 'Show what differs between two stored runs: plan, verdict, phases, end state, console',
  builder: (yargs: Argv) =>
    yargs
      .positional('run', { type: 'string', demandOption: true, describe: 'Directory of a run, or its name' })
      .positional('other', {
        type: 'string',
        demandOption: true,
        describe: 'Directory or name of the run to compare it with',
      })
      .option('full', {
        type: 'boolean',
        default: false,
        describe: 'Print every console line; long stretches that only one run has are folded otherwise',
      })
      .option('out', OUT_OPTION)
      .option('json', jsonOption('Print the difference as one JSON object'))
      .example('$0 diff good/001-sysrq-task-6.1.0-56-amd64 bad/001-sysrq-task-6.1.0-56-amd64', 'By name')
      .epilogue(
        'Exit codes, as those of diff(1): 0 nothing differs but times and chance, 1 the runs differ, 64 or 3 they cannot be compared.',
      ),
} satisfies WordsOf<DiffOptions>;
