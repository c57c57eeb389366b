import type { Argv, ArgumentsCamelCase } from 'yargs';
import { EXIT } from '../../model/fault.js';
import { VERDICT_WORDS, type VerdictWord } from '../../model/verdict.js';
import type { WordsOf } from './command-words.js';
import { fixedWithDefault, GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions } from './guest-options.js';
import { duration, listOf, nonEmpty, wholeNumber } from './option-values.js';
import {
  type CampaignOptions,
  campaignOptions,
  givenAmong,
  type JobsOption,
  jobsOption,
  single,
  SPEC,
} from './shared-options.js';

/** Trials of a hunt at most, without `--trials`. */
export const DEFAULT_TRIALS = 1_000;

/** A guest that was found at night is still there in the morning. */
export const HUNT_KEEPS_MINUTES = 1_440;

/** Options of `crashpath hunt` as they are spelled; yargs hands them over in camelCase as well. */
export interface HuntOptions extends Omit<GuestOptions, 'jobs'>, JobsOption, CampaignOptions {
  scenario: string | undefined;
  kernel: string | undefined;
  trials: number | undefined;
  for: number | undefined;
  find: VerdictWord[] | undefined;
}

export type HuntArguments = ArgumentsCamelCase<HuntOptions>;

/** `crashpath hunt`: one scenario on one kernel until it hangs once. */
export const HUNT = {
  command: 'hunt [scenario]',
  describe: 'Run a scenario until it hangs once, and keep that guest',
  builder: huntOptions,
} satisfies WordsOf<HuntOptions>;

/** Options that decide the trials; a resumed hunt keeps those of its start. */
const PLAN_OPTIONS = [
  'kernel',
  'trials',
  'find',
  ...GUEST_PLAN_OPTIONS,
] as const satisfies readonly (keyof HuntOptions)[];

/** The given options that a resumed hunt would ignore, as they were spelled. Pure. */
export function fixedByHunt(argv: HuntArguments): string[] {
  const scenario = argv.scenario === undefined ? [] : [argv.scenario];
  return [...scenario, ...givenAmong(argv, PLAN_OPTIONS), ...fixedWithDefault(argv)];
}

function huntOptions(yargs: Argv<object>): Argv<HuntOptions> {
  const described = yargs
    .positional('scenario', { type: 'string', describe: 'Name of crashpath list, or a .yaml file' })
    .option('kernel', { ...single(nonEmpty('--kernel')), alias: 'k', describe: SPEC })
    .option('trials', {
      ...single(wholeNumber('--trials', { least: 1, most: 10_000 })),
      describe: `Trials at most (default ${DEFAULT_TRIALS})`,
    })
    .option('for', {
      ...single(duration('--for')),
      describe: 'No trial begins after this time, e.g. 8h (default: no limit); may be given with --resume',
    })
    .option('find', {
      ...single(listOf('--find', VERDICT_WORDS)),
      describe: 'Verdicts that end the hunt, separated by commas (default: each hang)',
    });
  const guest = jobsOption(guestOptions(described))
    .describe('capture-kernel', 'Capture kernel, in the same forms (default: the kernel itself)')
    .describe('machine-profile', 'Machine profile: a name of crashpath list machines, or a .yaml file')
    .describe('host', 'Only local, which is the default: the guest that is found stays up here')
    .describe(
      'jobs',
      'Number of guests that run at the same time; auto: as many as the memory and the CPUs of this host have room for, measured while they run (default: auto)',
    )
    .describe(
      'keep-failed',
      'How many dead guests may be up on this host, those of other runs included (default 1; docs/dumps.md)',
    )
    .describe(
      'keep-minutes',
      `How long the guest that is found stays up (default ${HUNT_KEEPS_MINUTES}, a day)`,
    );
  return campaignOptions(guest, {
    resume: 'Directory of a stopped hunt: continue it',
    json: 'Print one JSON object per run, as it ends, and one about the hunt',
  })
    .example('$0 hunt nmi-watchdog -k ./bzImage', 'Until it hangs, at most 1000 times')
    .example('$0 hunt sysrq-task -k debian:6.1 --for 8h', 'Over night')
    .example(
      '$0 hunt sysrq-task -k ./bzImage --find capture-panic,capture-reset',
      'Something else than a hang',
    )
    .example('$0 hunt --resume runs/20260101-000000-hunt-ab12', 'Continue after Ctrl-C')
    .epilogue(
      `Exit codes: ${EXIT.unexpected} found, ${EXIT.expected} not found, ${EXIT.inconclusive} no trial was judged, ${EXIT.harness} harness error, ${EXIT.usage} usage`,
    );
}
