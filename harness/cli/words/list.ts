import type { Argv } from 'yargs';
import type { WordsOf } from './command-words.js';
import { jsonOption, OUT_OPTION } from './shared-options.js';

const WHAT = ['scenarios', 'machines', 'runs'] as const;

/** What `crashpath list` can list. */
export type Listed = (typeof WHAT)[number];

/** Options of `crashpath list`. */
export interface ListOptions {
  what: Listed;
  out: string;
  json: boolean;
}

/** `crashpath list`: scenarios, machine profiles and stored runs. */
export const LIST = {
  command: 'list [what]',
  describe: 'List the scenarios, the machine profiles, or the stored runs',
  builder: (yargs: Argv) =>
    yargs
      .positional('what', { choices: WHAT, default: 'scenarios' as const, describe: 'What to list' })
      .option('out', OUT_OPTION)
      .option('json', jsonOption('Print JSON, one object per line'))
      .example('$0 list', 'Scenarios, with the verdict that each expects')
      .example('$0 list machines', 'Machine profiles for --machine-profile')
      .example('$0 list runs', 'Stored runs, oldest campaign first'),
} satisfies WordsOf<ListOptions>;
