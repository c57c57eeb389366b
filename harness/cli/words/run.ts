import type { Argv, ArgumentsCamelCase } from 'yargs';
import { usageFault } from '../../model/fault.js';
import type { WordsOf } from './command-words.js';
import { fixedWithDefault, GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions } from './guest-options.js';
import { nonEmpty, wholeNumber } from './option-values.js';
import {
  type CampaignOptions,
  campaignOptions,
  givenAmong,
  type JobsOption,
  jobsOption,
  single,
  SPEC,
} from './shared-options.js';

/** Options of `crashpath run` as they are spelled; yargs hands them over in camelCase as well. */
export interface RunOptions extends Omit<GuestOptions, 'jobs'>, JobsOption, CampaignOptions {
  campaign: string | undefined;
  distribution: string | undefined;
  scenario: string[];
  kernel: string[];
  repeat: number | undefined;
  'until-hang': number | undefined;
  'dry-run': boolean;
}

export type RunArguments = ArgumentsCamelCase<RunOptions>;

/** Trials of each cell that `--until-hang` begins at most, without `--repeat`. */
export const MOST_UNTIL_HANG = 1_000;

/** `crashpath run`: scenarios on kernels, from the command line or from a campaign file. */
export const RUN = {
  command: 'run [scenario..]',
  describe: 'Run scenarios on kernels and prove whether the capture kernel came up',
  builder: runOptions,
} satisfies WordsOf<RunOptions>;

/** Options that decide the runs; a resumed campaign keeps those of its start. */
const PLAN_OPTIONS = [
  'campaign',
  'distribution',
  ...GUEST_PLAN_OPTIONS,
  'repeat',
  'until-hang',
] as const satisfies readonly (keyof RunOptions)[];

/** The given options that a resumed campaign would ignore, as they were spelled. Pure. */
export function fixedByCampaign(argv: RunArguments): string[] {
  return [...argv.scenario, ...argv.kernel, ...givenAmong(argv, PLAN_OPTIONS), ...fixedWithDefault(argv)];
}

/** Options about the host, not about the runs that a campaign file describes. */
const BESIDE_A_FILE: readonly string[] = [
  'repack',
  'vmcore',
  'keep-vmcore',
  'keep-failed',
  'keep-minutes',
  'timeout-scale',
  'name',
  'host',
];

/** Names of the given options that contradict a campaign file, which describes its guests itself. Pure. */
export function fixedByFile(argv: RunArguments): string[] {
  return givenAmong(argv, [
    'distribution',
    ...GUEST_PLAN_OPTIONS.filter((option) => !BESIDE_A_FILE.includes(option)),
  ]);
}

/** Options about what a distribution decides by itself: its kernel, its crash kernel, and how its dump is made. */
const DECIDED_BY_DISTRIBUTION = [
  'kernel',
  'capture-kernel',
  'capture-append',
  'capture-cmdline',
  'load-syscall',
  'repack',
  'vmcore',
  'keep-vmcore',
  'keep-failed',
  'keep-minutes',
  'host',
] as const satisfies readonly (keyof RunOptions)[];

/** Throws a usage fault for options that a distribution's guest would not obey. Pure. */
export function requireObeyedByDistribution(argv: RunArguments): void {
  const given = givenAmong(argv, DECIDED_BY_DISTRIBUTION);
  if (argv.distribution === undefined || given.length === 0) return;
  throw usageFault(
    `cannot use ${given.join(' ')} with --distribution "${argv.distribution}": it boots its own kernel on this host, and its kdump service decides the rest; leave out one of them`,
  );
}

function runOptions(yargs: Argv<object>): Argv<RunOptions> {
  const described = jobsOption(guestOptions(whatToRun(yargs))).option('campaign', {
    ...single(nonEmpty('--campaign')),
    describe:
      'Campaign file: kernels, scenarios and expectations (docs/campaigns.md); scenarios and --kernel select from it',
  });
  const chosen = described.option('distribution', {
    ...single(nonEmpty('--distribution')),
    describe:
      'Boot this distribution (debian:12), with its own kernel, init and kdump service, and judge the dump on its disk (docs/distributions.md)',
  });
  return campaignOptions(chosen, {
    resume: 'Directory of a stopped campaign: run what is left of it',
    json: 'Print one JSON object per run, as it ends',
  })
    .option('until-hang', {
      ...single(wholeNumber('--until-hang', { least: 1, most: 1_000 })),
      describe: `Run each scenario on each kernel until so many of its runs hung, at most --repeat times (then ${MOST_UNTIL_HANG} by default), and give the rate`,
    })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe: "Print each run's QEMU command line; run nothing",
    })
    .example('$0 run sysrq-task --kernel debian:6.1', 'One run on the newest Debian 6.1')
    .example(
      '$0 run sysrq-task no-trigger -k debian:6.1 -k ./bzImage --repeat 5',
      'Two scenarios on two kernels, five times each',
    )
    .example('$0 run sysrq-task -k debian:6.1 --capture-kernel debian:6.12', 'With another capture kernel')
    .example(
      '$0 run sysrq-task -k debian:6.1 --machine-profile q35 --machine-profile no-ioapic',
      'On two machines',
    )
    .example(
      '$0 run --campaign scripts/thread.yaml',
      'A campaign file: the kernels and scenarios of a 2012 thread',
    )
    .example(
      '$0 run --campaign scripts/thread.yaml ioapic-lock-held -k no-zap --repeat 5',
      'One cell of its campaign table, five times as often',
    )
    .example(
      '$0 run sysrq-task -k debian:6.1 --repeat 100',
      'A hundred runs, most of them clones of one boot',
    )
    .example(
      '$0 run ioapic-lock-held -k debian:6.1 --until-hang 3',
      'How many trials until three hangs, and what rate that means',
    )
    .example(
      '$0 run sysrq-task -k debian:6.1 --repeat 100 --repack capture',
      'The hundred with a capture kernel that decompresses fast',
    )
    .example('$0 run sysrq-task --distribution debian:12', "The whole of Debian 12's kdump-tools")
    .example('$0 run --resume runs/20260101-000000-ab12', 'Resume after Ctrl-C');
}

function whatToRun(yargs: Argv<object>) {
  return yargs
    .positional('scenario', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'Names of crashpath list, or .yaml files',
    })
    .option('kernel', {
      type: 'string',
      array: true,
      default: [] as string[],
      alias: 'k',
      requiresArg: true,
      describe: `${SPEC}; with --campaign, a kernel's name in the file; may be repeated`,
    })
    .option('repeat', {
      ...single(wholeNumber('--repeat', { least: 1, most: 10_000 })),
      describe:
        'Runs of each scenario on each kernel (default 1); with --campaign, a factor on the runs of each cell',
    });
}
