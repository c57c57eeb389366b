import type { Argv, CommandModule } from 'yargs';
import { OUT_OPTION } from '../out-option.js';

const WHAT = ['scenarios', 'machines', 'runs'] as const;

/** What `crashpath list` can list. */
export type Listed = (typeof WHAT)[number];

interface Arguments {
  what: Listed;
  out: string;
  json: boolean;
}

/** `crashpath list`: what can be run, and what was. */
export const listCommand = {
  command: 'list [what]',
  describe: 'List the scenarios, the machine profiles, or the stored runs',
  builder: (yargs: Argv) =>
    yargs
      .positional('what', { choices: WHAT, default: 'scenarios' as const })
      .option('out', OUT_OPTION)
      .option('json', { type: 'boolean', default: false, describe: 'One JSON object a line on stdout' })
      .example('$0 list', 'Scenarios with what they expect')
      .example('$0 list machines', 'Machine profiles for --machine-profile')
      .example('$0 list runs', 'Stored runs, oldest campaign first'),
  handler: async ({ what, out, json }) => {
    const { listLines } = await import('../actions/list-lines.js');
    for (const line of await listLines(what, { out, json })) process.stdout.write(`${line}\n`);
  },
} satisfies CommandModule<object, Arguments>;
