import type { Argv, ArgumentsCamelCase } from 'yargs';
import type { WordsOf } from './command-words.js';
import { nonEmpty } from './option-values.js';
import { givenAmong, jsonOption, OUT_OPTION, single } from './shared-options.js';

/** Options of `crashpath nightly` as they are spelled; yargs hands them over in camelCase as well. */
export interface NightlyOptions {
  file: string | undefined;
  out: string;
  resume: string | undefined;
  again: boolean;
  'dry-run': boolean;
  schema: boolean;
  json: boolean;
}

export type NightlyArguments = ArgumentsCamelCase<NightlyOptions>;

/** `crashpath nightly`: new builds against baselines, unattended. */
export const NIGHTLY = {
  command: 'nightly [file]',
  describe: 'Run what is new of the kernels that a file names, and say what regressed',
  builder: nightlyOptions,
} satisfies WordsOf<NightlyOptions>;

/** The given options that --schema would ignore, as they were spelled. Pure. */
export function besideSchema(argv: NightlyArguments): string[] {
  const given = givenAmong(argv, ['resume', 'again', 'dry-run', 'json']);
  return [...(argv.file === undefined ? [] : [argv.file]), ...given];
}

function nightlyOptions(yargs: Argv): Argv<NightlyOptions> {
  const described = yargs
    .positional('file', {
      type: 'string',
      describe: 'Night file: kernels, baselines, campaign, budget (docs/nightly.md)',
    })
    .option('out', OUT_OPTION)
    .option('resume', {
      ...single(nonEmpty('--resume')),
      describe: 'Night to continue, its name or its directory (default: the newest that has not ended)',
    })
    .option('again', {
      type: 'boolean',
      default: false,
      describe: 'Run builds again that former nights have run',
    })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe: 'Print what would run, and how long; run nothing',
    })
    .option('schema', {
      type: 'boolean',
      default: false,
      describe: 'Print the JSON Schema of night files, for editors',
    })
    .option('json', jsonOption('Print what the night says as one JSON object (verdicts.json)'))
    .example('$0 nightly nightly.yaml', 'A night, or the rest of the one that was interrupted')
    .example('$0 nightly nightly.yaml --dry-run', 'What would run, and how long')
    .epilogue(
      'Exit codes: 0 nothing regressed; 1 a regression; 2 a suspicion that was not decided, or a cell that could not be compared; 3 the night is blind, or something could not be tried, or the night did not end; 64 usage.',
    );
  return described;
}
