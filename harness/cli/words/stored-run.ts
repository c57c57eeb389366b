import type { Argv } from 'yargs';
import { usageFault } from '../../model/fault.js';
import type { WordsOf } from './command-words.js';
import { jsonOption, OUT_OPTION } from './shared-options.js';

/** Options of the commands about one stored run. */
export interface StoredRunOptions {
  run: string;
  out: string;
  json: boolean;
}

/** `crashpath show`: one stored run. */
export const SHOW = {
  command: 'show <run>',
  describe:
    'Show a stored run (verdict, phases with times, evidence, console excerpt), or a campaign (its table and runs)',
  builder: (yargs: Argv) =>
    storedRun(yargs, 'Print the plan and the result, or all results of a campaign, as one JSON object')
      .example('$0 show 001-sysrq-task-6.1.0-56-amd64', 'The newest run of that name')
      .example('$0 show runs/20260101-000000-ab12', 'A campaign'),
} satisfies WordsOf<StoredRunOptions>;

/** `crashpath classify`: judge a stored run again. */
export const CLASSIFY = {
  command: 'classify <run>',
  describe: 'Judge a stored run again from its recording and compare with its verdict; writes nothing',
  builder: (yargs: Argv) =>
    storedRun(yargs, 'Print the result as one JSON object')
      .example('$0 classify runs/20260101-000000-ab12/001-sysrq-task-6.1.0-56-amd64', 'By directory')
      .example('$0 classify 001-sysrq-task-6.1.0-56-amd64', 'The newest run of that name'),
} satisfies WordsOf<StoredRunOptions>;

function storedRun(yargs: Argv, json: string) {
  return yargs
    .positional('run', {
      type: 'string',
      demandOption: true,
      coerce: notDash,
      describe: 'Directory of a run, or its name',
    })
    .option('out', OUT_OPTION)
    .option('json', jsonOption(json));
}

/** yargs 18 hands over a lone dash as the empty string. */
function notDash(run: string): string {
  if (run !== '') return run;
  throw usageFault(
    'cannot use run "" or "-": a run is read from its directory, not from standard input; name the directory or the run (a plain log: crashpath read)',
  );
}
