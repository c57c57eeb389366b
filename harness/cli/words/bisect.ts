import type { Argv, ArgumentsCamelCase } from 'yargs';
import { EXIT } from '../../model/fault.js';
import type { WordsOf } from './command-words.js';
import { fixedWithDefault, GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions } from './guest-options.js';
import { nonEmpty, wholeNumber } from './option-values.js';
import { type CampaignOptions, campaignOptions, givenAmong, single } from './shared-options.js';

/** Trials of each end without a difference after which a bisection is refused: 5 % of them miss a rate of 5 %. */
export const DEFAULT_CONTROL_TRIALS = 60;

/** Options of `crashpath bisect` as they are spelled; yargs hands them over in camelCase as well. */
export interface BisectOptions extends GuestOptions, CampaignOptions {
  scenario: string | undefined;
  good: string | undefined;
  bad: string | undefined;
  tree: string | undefined;
  config: string | undefined;
  'first-parent': boolean;
  'control-trials': number | undefined;
  'build-jobs': number | undefined;
  'dry-run': boolean;
}

export type BisectArguments = ArgumentsCamelCase<BisectOptions>;

/** `crashpath bisect`: which commit brought an outcome? */
export const BISECT = {
  command: 'bisect [scenario]',
  describe: 'Find the commit of a kernel tree from which on a scenario ends differently, by rates',
  builder: bisectOptions,
} satisfies WordsOf<BisectOptions>;

/** Options that decide a bisection; a resumed one keeps those of its start. */
const PLAN_OPTIONS = [
  'good',
  'bad',
  'tree',
  'config',
  'first-parent',
  'control-trials',
  ...GUEST_PLAN_OPTIONS,
] as const satisfies readonly (keyof BisectOptions)[];

/** The given options that a resumed bisection would ignore, as they were spelled. Pure. */
export function fixedByBisection(argv: BisectArguments): string[] {
  const scenario = argv.scenario === undefined ? [] : [argv.scenario];
  return [...scenario, ...givenAmong(argv, PLAN_OPTIONS), ...fixedWithDefault(argv)];
}

/** `--config` and `--build-jobs`, for the commands that build commits. */
export function buildOptions<T>(yargs: Argv<T>) {
  return yargs
    .option('config', {
      ...single(nonEmpty('--config')),
      describe: "Configuration fragment that is merged into crashpath's own",
    })
    .option('build-jobs', {
      ...single(wholeNumber('--build-jobs', { least: 1, most: 256 })),
      describe: 'Number of compiler processes (default: one per host CPU)',
    });
}

function bisectOptions(yargs: Argv<object>): Argv<BisectOptions> {
  const ends = yargs
    .positional('scenario', { type: 'string', describe: 'A name of crashpath list, or a .yaml file' })
    .option('good', {
      ...single(nonEmpty('--good')),
      describe: 'Commit, tag or branch that does not show the bad outcome',
    })
    .option('bad', {
      ...single(nonEmpty('--bad')),
      describe: 'Commit that shows it. Bad is what --bad shows and --good does not: both are tried first',
    })
    .option('tree', {
      ...single(nonEmpty('--tree')),
      describe: 'Git tree of the kernel; it is read, and never written to',
    });
  const described = guestOptions(buildOptions(ends))
    .option('first-parent', {
      type: 'boolean',
      default: false,
      describe: 'Follow only the first parent of merges: find the merge that brought it',
    })
    .option('control-trials', {
      ...single(wholeNumber('--control-trials', { least: 3, most: 10_000 })),
      describe: `Trials of each end without any difference after which the bisection is refused (default ${DEFAULT_CONTROL_TRIALS})`,
    });
  return campaignOptions(described, {
    resume: 'Directory of a stopped bisection: go on with it, as the same command does',
    json: 'Print the bisection as one JSON object',
  })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe: 'Print the commits, the expected steps, trials and time; build and run nothing',
    })
    .example(
      '$0 bisect --good v6.1.190 --bad v6.1.192 --tree ~/src/linux ioapic-lock-held',
      'Builds and tries both ends, then halves what is between them',
    )
    .example(
      '$0 bisect --good v6.1.190 --bad v6.1.192 --tree ~/src/linux ioapic-lock-held --dry-run',
      'How many steps and trials it would take',
    )
    .example('$0 bisect --resume runs/bisect-0123456789ab', 'Go on after Ctrl-C')
    .epilogue(
      `Exit codes: ${EXIT.expected} found, ${EXIT.unexpected} not narrowed down to one commit, ${EXIT.inconclusive} refused: the ends show no difference,\n${EXIT.harness} harness error, ${EXIT.usage} usage, an end that does not build included. docs/bisect.md`,
    );
}
