import { isDeepStrictEqual } from 'node:util';
import type { Argv, CommandModule } from 'yargs';
import { EXIT } from '../model/fault.js';
import { resultLine } from '../report/terminal-table.js';
import { findRun } from '../store/campaign-directory.js';
import { rejudge } from '../store/rejudge.js';
import { readResult } from '../store/run-directory.js';
import { say, wantsColor } from './context.js';
import { exitCodeFor } from './exit-code.js';
import { OUT_OPTION } from './out-option.js';
import { outDirectory } from './places.js';

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
    const directory = await findRun(run, outDirectory(out));
    const { result } = await rejudge(directory);
    process.stdout.write(
      json ? `${JSON.stringify(result)}\n` : `${resultLine(result, { color: wantsColor(process.stdout) })}\n`,
    );
    const stored = await readResult(directory);
    if (stored === undefined) {
      say('no verdict was stored: the run was cut off; this is what its recording says');
    } else if (!isDeepStrictEqual(stored, JSON.parse(JSON.stringify(result)))) {
      say(
        `the stored verdict differs: ${stored.verdict} (${stored.detail}); it was judged by another crashpath`,
      );
      process.exitCode = EXIT.unexpected;
      return;
    }
    process.exitCode = exitCodeFor([result]);
  },
} satisfies CommandModule<object, Arguments>;
