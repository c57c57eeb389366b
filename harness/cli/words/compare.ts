import type { Argv, ArgumentsCamelCase } from 'yargs';
import {
  type CampaignOptions,
  campaignOptions,
  givenAmong,
  type PairOptions,
  pairOptions,
} from './campaign-options.js';
import { GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions, single } from './guest-options.js';
import { oneOf, wholeNumber } from './option-values.js';

/** Trials of each kernel when nothing else is said: a hang rate of 14 % is missed in 5 % of such campaigns. */
export const DEFAULT_REPEAT = 20;

const FAIL_ON = ['regression', 'difference', 'not-fixed'] as const;

/** What makes `crashpath compare` exit with 1. */
export type FailOn = (typeof FAIL_ON)[number];

/** Options of `crashpath compare` as they are spelled; yargs hands them over in camelCase as well. */
export interface CompareOptions extends GuestOptions, CampaignOptions, PairOptions {
  scenario: string[];
  also: string[];
  repeat: number | undefined;
  'until-significant': boolean;
  'fail-on': FailOn | undefined;
}

export type CompareArguments = ArgumentsCamelCase<CompareOptions>;

/** What decides the trials; a resumed comparison has decided it already. */
const PLAN_OPTIONS = [
  'baseline',
  'candidate',
  'also',
  'until-significant',
  ...GUEST_PLAN_OPTIONS,
  'repeat',
] as const satisfies readonly (keyof CompareOptions)[];

/** What is given that a resumed comparison would have to ignore, as it was spelled. Pure. */
export function fixedByComparison(argv: CompareArguments): string[] {
  return [...argv.scenario, ...givenAmong(argv, PLAN_OPTIONS)];
}

/** Declares the options and examples of `crashpath compare`. */
export function compareOptions(yargs: Argv<object>): Argv<CompareOptions> {
  return campaignOptions(guestOptions(whatToCompare(yargs)), {
    resume: 'Directory of a comparison that was stopped: run what is left and compare',
    json: 'The comparison as one JSON object on stdout',
  })
    .example('$0 compare --baseline debian:6.1 --candidate ./bzImage sysrq-task', '20 trials of each')
    .example(
      '$0 compare --baseline ./old --candidate ./new --repeat 100 --until-significant sysrq-task',
      'At most 100 of each, fewer when they tell',
    )
    .example(
      '$0 compare --baseline ./old --candidate ./new --fail-on regression --json sysrq-task',
      'For a pipeline',
    );
}

function whatToCompare(yargs: Argv<object>) {
  const scenarios = yargs.positional('scenario', {
    type: 'string',
    array: true,
    default: [] as string[],
    describe: 'Names (crashpath list) or .yaml files; of those that expect a crash kernel to be entered',
  });
  return pairOptions(scenarios, 'said here')
    .option('also', {
      type: 'string',
      array: true,
      default: [] as string[],
      requiresArg: true,
      describe: 'A further kernel to compare with the baseline; does not count for --fail-on',
    })
    .option('repeat', {
      ...single(wholeNumber('--repeat', { least: 1, most: 10_000 })),
      describe: `Trials of each kernel in each scenario (default ${DEFAULT_REPEAT})`,
    })
    .option('until-significant', {
      type: 'boolean',
      default: false,
      describe: 'Look at the data early, at a price, and stop when they tell; --repeat is the most',
    })
    .option('fail-on', {
      ...single(oneOf('--fail-on', FAIL_ON)),
      choices: FAIL_ON,
      describe: 'Exit with 1 when the candidate regresses, differs at all, or does not fix',
    });
}
