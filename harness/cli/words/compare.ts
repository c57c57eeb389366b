import type { Argv, ArgumentsCamelCase } from 'yargs';
import type { WordsOf } from './command-words.js';
import { fixedWithDefault, GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions } from './guest-options.js';
import { oneOf, wholeNumber } from './option-values.js';
import {
  type CampaignOptions,
  campaignOptions,
  givenAmong,
  type JobsOption,
  jobsOption,
  type PairOptions,
  pairOptions,
  single,
} from './shared-options.js';

/** Default trials of each kernel: 5 % of such campaigns miss a hang rate of 14 %. */
export const DEFAULT_REPEAT = 20;

const FAIL_ON = ['regression', 'difference', 'not-fixed'] as const;

/** What makes `crashpath compare` exit with 1. */
export type FailOn = (typeof FAIL_ON)[number];

/** Options of `crashpath compare` as they are spelled; yargs hands them over in camelCase as well. */
export interface CompareOptions extends Omit<GuestOptions, 'jobs'>, JobsOption, CampaignOptions, PairOptions {
  scenario: string[];
  also: string[];
  repeat: number | undefined;
  'until-significant': boolean;
  'fail-on': FailOn | undefined;
}

export type CompareArguments = ArgumentsCamelCase<CompareOptions>;

/** `crashpath compare`: does a candidate kernel fail less often than a baseline? */
export const COMPARE = {
  command: 'compare [scenario..]',
  describe: 'Run kernels in alternation and test, with an exact test, whether one fixes or regresses',
  builder: compareOptions,
} satisfies WordsOf<CompareOptions>;

/** Options that decide the trials; a resumed comparison keeps those of its start. */
const PLAN_OPTIONS = [
  'baseline',
  'candidate',
  'also',
  'until-significant',
  ...GUEST_PLAN_OPTIONS,
  'repeat',
] as const satisfies readonly (keyof CompareOptions)[];

/** The given options that a resumed comparison would ignore, as they were spelled. Pure. */
export function fixedByComparison(argv: CompareArguments): string[] {
  return [...argv.scenario, ...givenAmong(argv, PLAN_OPTIONS), ...fixedWithDefault(argv)];
}

function compareOptions(yargs: Argv<object>): Argv<CompareOptions> {
  return campaignOptions(jobsOption(guestOptions(whatToCompare(yargs))), {
    resume: 'Directory of a stopped comparison: run what is left of it, then compare',
    json: 'Print the comparison as one JSON object',
  })
    .example('$0 compare --baseline debian:6.1 --candidate ./bzImage sysrq-task', '20 trials of each kernel')
    .example(
      '$0 compare --baseline ./old --candidate ./new --repeat 100 --until-significant sysrq-task',
      'At most 100 trials of each, fewer once the difference is significant',
    )
    .example(
      '$0 compare --baseline ./old --candidate ./new --fail-on regression --json sysrq-task',
      'In a CI pipeline',
    )
    .example('$0 compare --resume runs/20260101-000000-compare-ab12', 'Resume after Ctrl-C');
}

function whatToCompare(yargs: Argv<object>) {
  const scenarios = yargs.positional('scenario', {
    type: 'string',
    array: true,
    default: [] as string[],
    describe:
      'Names of crashpath list, or .yaml files; only scenarios that expect the capture kernel to start',
  });
  return pairOptions(scenarios, 'listed here')
    .option('also', {
      type: 'string',
      array: true,
      default: [] as string[],
      requiresArg: true,
      describe: 'Another kernel to compare with the baseline; --fail-on ignores it; may be repeated',
    })
    .option('repeat', {
      ...single(wholeNumber('--repeat', { least: 1, most: 10_000 })),
      describe: `Trials of each scenario on each kernel (default ${DEFAULT_REPEAT})`,
    })
    .option('until-significant', {
      type: 'boolean',
      default: false,
      describe:
        'Test at planned interim looks and stop early when a scenario is decided; p-values are corrected for the looks',
    })
    .option('fail-on', {
      ...single(oneOf('--fail-on', FAIL_ON)),
      choices: FAIL_ON,
      describe: 'Exit with 1 if the candidate regresses, differs in any scenario, or is not a fix',
    });
}
