import type { Argv, CommandModule } from 'yargs';
import { OUT_OPTION } from '../out-option.js';

interface Arguments {
  run: string;
  out: string;
  json: boolean;
}

/** `crashpath show`: one run for people. */
export const showCommand = {
  command: 'show <run>',
  describe: 'Show one run: verdict, phases with times, evidence, console excerpt',
  builder: (yargs: Argv) =>
    yargs
      .positional('run', { type: 'string', demandOption: true, describe: 'Run directory, or its name' })
      .option('out', OUT_OPTION)
      .option('json', { type: 'boolean', default: false, describe: 'Plan and result as JSON on stdout' })
      .example('$0 show 001-sysrq-task-6.1.0-56-amd64', 'The newest run of that name'),
  handler: async ({ run, out, json }) => {
    const { printRun } = await import('../actions/print-run.js');
    await printRun(run, { out, json });
  },
} satisfies CommandModule<object, Arguments>;
