import type { Argv, CommandModule } from 'yargs';
import { OUT_OPTION } from '../out-option.js';

interface Arguments {
  run: string;
  out: string;
  json: boolean;
}

/** `crashpath classify`: judge a stored run again. */
export const classifyCommand = {
  command: 'classify <run>',
  describe: 'Judge a stored run again from its recording and compare with the stored verdict; writes nothing',
  builder: (yargs: Argv) =>
    yargs
      .positional('run', { type: 'string', demandOption: true, describe: 'Run directory, or its name' })
      .option('out', OUT_OPTION)
      .option('json', { type: 'boolean', default: false, describe: 'The result as JSON on stdout' })
      .example('$0 classify runs/20260101-000000-ab12/001-sysrq-task-6.1.0-56-amd64', 'By directory')
      .example('$0 classify 001-sysrq-task-6.1.0-56-amd64', 'The newest run of that name'),
  handler: async ({ run, out, json }) => {
    const { judgeAgain } = await import('../actions/judge-again.js');
    process.exitCode = await judgeAgain(run, { out, json });
  },
} satisfies CommandModule<object, Arguments>;
