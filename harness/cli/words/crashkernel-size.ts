import type { Argv, ArgumentsCamelCase } from 'yargs';
import { EXIT } from '../../model/fault.js';
import { GUEST_LIMITS } from '../../plan/guest-defaults.js';
import type { WordsOf } from './command-words.js';
import { fixedWithDefault, GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions } from './guest-options.js';
import { nonEmpty, wholeNumber } from './option-values.js';
import { type CampaignOptions, campaignOptions, givenAmong, single, SPEC } from './shared-options.js';

/** Defaults of a search, MiB and captures. */
export const SIZE_DEFAULTS = { least: 16, most: 256, step: 4, captures: 5 } as const;

/** What crashes the guest by default. */
export const SIZE_SCENARIO = 'sysrq-task';

/** Options of `crashpath crashkernel-size` as they are spelled; yargs hands them over in camelCase as well. */
export interface CrashkernelSizeOptions extends GuestOptions, CampaignOptions {
  kernel: string | undefined;
  scenario: string | undefined;
  least: number | undefined;
  most: number | undefined;
  step: number | undefined;
  captures: number | undefined;
}

export type CrashkernelSizeArguments = ArgumentsCamelCase<CrashkernelSizeOptions>;

/** `crashpath crashkernel-size`: how much memory does the capture kernel need? */
export const CRASHKERNEL_SIZE = {
  command: 'crashkernel-size',
  describe: 'Search the smallest crashkernel= with which a kernel is captured each time',
  builder: sizeOptions,
} satisfies WordsOf<CrashkernelSizeOptions>;

/** Options that decide the search; a resumed one keeps those of its start. */
const PLAN_OPTIONS = [
  'kernel',
  'scenario',
  'least',
  'most',
  'step',
  'captures',
  ...GUEST_PLAN_OPTIONS,
] as const satisfies readonly (keyof CrashkernelSizeOptions)[];

/** The given options that a resumed search would ignore, as they were spelled. Pure. */
export function fixedBySearch(argv: CrashkernelSizeArguments): string[] {
  return [...givenAmong(argv, PLAN_OPTIONS), ...fixedWithDefault(argv)];
}

function sizeOptions(yargs: Argv<object>): Argv<CrashkernelSizeOptions> {
  const { least, most, step, captures } = SIZE_DEFAULTS;
  const mib = (option: string) =>
    single(wholeNumber(option, { least: 1, most: GUEST_LIMITS.memoryMiB.most }));
  const described = yargs
    .option('kernel', { ...single(nonEmpty('--kernel')), alias: 'k', describe: SPEC })
    .option('scenario', {
      ...single(nonEmpty('--scenario')),
      describe: `What crashes the guest: a name of crashpath list, or a .yaml file; it must expect a capture (default ${SIZE_SCENARIO})`,
    })
    .option('least', { ...mib('--least'), describe: `Smallest size that is tried, MiB (default ${least})` })
    .option('most', { ...mib('--most'), describe: `Largest size that is tried, MiB (default ${most})` })
    .option('step', { ...mib('--step'), describe: `Sizes are multiples of this, MiB (default ${step})` })
    .option('captures', {
      ...single(wholeNumber('--captures', { least: 1, most: 1_000 })),
      describe: `How often the smallest size must be captured, without a failure (default ${captures})`,
    });
  const guest = guestOptions(described)
    .describe('capture-kernel', 'Capture kernel, in the same forms (default: the kernel itself)')
    .describe('machine-profile', 'Machine profile: a name of crashpath list machines, or a .yaml file')
    .describe('crashkernel', 'Not with this command: it is what is searched')
    .describe('jobs', 'Only 1, which is the default: each run decides the next one');
  return campaignOptions(guest, {
    resume: 'Directory of a stopped search: continue it',
    json: 'Print what was found as one JSON object',
  })
    .example('$0 crashkernel-size -k debian:6.1', 'From 16 to 256 MiB, in steps of 4')
    .example('$0 crashkernel-size -k ./bzImage --step 1 --captures 20', 'Finer, and more certain')
    .example(
      '$0 crashkernel-size -k debian:6.1 --capture-append nr_cpus=4 --cpus 4',
      'What does a capture kernel with four CPUs need?',
    )
    .example('$0 crashkernel-size --resume runs/20260101-000000-size-ab12', 'Continue after Ctrl-C')
    .epilogue(
      `Exit codes: ${EXIT.expected} found, ${EXIT.unexpected} no size is enough, ${EXIT.inconclusive} cannot tell, ${EXIT.harness} harness error, ${EXIT.usage} usage`,
    );
}
