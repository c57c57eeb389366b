import type { Argv, ArgumentsCamelCase } from 'yargs';
import { type CampaignOptions, campaignOptions, givenAmong } from './campaign-options.js';
import { GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions, single } from './guest-options.js';
import { SPEC } from '../kernel-spec.js';
import { nonEmpty, wholeNumber } from './option-values.js';

/** Options of `crashpath run` as they are spelled; yargs hands them over in camelCase as well. */
export interface RunOptions extends GuestOptions, CampaignOptions {
  campaign: string | undefined;
  scenario: string[];
  kernel: string[];
  repeat: number | undefined;
  'dry-run': boolean;
}

export type RunArguments = ArgumentsCamelCase<RunOptions>;

/** What decides the runs; a resumed campaign has decided it already. */
const PLAN_OPTIONS = [
  'campaign',
  ...GUEST_PLAN_OPTIONS,
  'repeat',
] as const satisfies readonly (keyof RunOptions)[];

/** Names of the given options that a resumed campaign would have to ignore. Pure. */
export function fixedByCampaign(argv: RunArguments): string[] {
  return givenAmong(argv, PLAN_OPTIONS);
}

/** What belongs to the host, not to the runs that a campaign file describes. */
const BESIDE_A_FILE: readonly string[] = ['timeout-scale', 'name'];

/** Names of the given options that contradict a campaign file: what guests are like is written there. Pure. */
export function fixedByFile(argv: RunArguments): string[] {
  return givenAmong(
    argv,
    GUEST_PLAN_OPTIONS.filter((option) => !BESIDE_A_FILE.includes(option)),
  );
}

/** Declares the options and examples of `crashpath run`. */
export function runOptions(yargs: Argv<object>): Argv<RunOptions> {
  const described = guestOptions(whatToRun(yargs)).option('campaign', {
    ...single(nonEmpty('--campaign')),
    describe: 'A file of kernels, scenarios and expectations (docs/campaigns.md); names narrow it down',
  });
  return campaignOptions(described, {
    resume: 'Directory of a campaign that was stopped: run what is left',
    json: 'One JSON object per run on stdout as it ends',
  })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe: "Print each run's exact QEMU command line and run nothing",
    })
    .example('$0 run sysrq-task --kernel debian:6.1', 'The newest Debian 6.1, once')
    .example(
      '$0 run sysrq-task no-trigger -k debian:6.1 -k ./bzImage --repeat 5',
      'Two kernels, five times each',
    )
    .example('$0 run sysrq-task -k debian:6.1 --capture-kernel debian:6.12', 'Another capture kernel')
    .example(
      '$0 run sysrq-task -k debian:6.1 --machine-profile q35 --machine-profile no-ioapic',
      'On two machines',
    )
    .example(
      '$0 run --campaign scripts/thread.yaml',
      'The 2012 thread as a table: three kernels, its scenarios',
    )
    .example(
      '$0 run --campaign scripts/thread.yaml ioapic-lock-held -k no-zap --repeat 5',
      'One cell of it, five times as often',
    )
    .example('$0 run --resume runs/20260101-000000-ab12', 'Go on after Ctrl-C');
}

function whatToRun(yargs: Argv<object>) {
  return yargs
    .positional('scenario', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'Names (crashpath list) or .yaml files',
    })
    .option('kernel', {
      type: 'string',
      array: true,
      default: [] as string[],
      alias: 'k',
      requiresArg: true,
      describe: `${SPEC}; with --campaign a kernel's name in the file`,
    })
    .option('repeat', {
      ...single(wholeNumber('--repeat', { least: 1, most: 10_000 })),
      describe: 'Runs of each scenario and kernel (default 1); times as many of each cell of a --campaign',
    });
}
