import type { Argv, ArgumentsCamelCase } from 'yargs';
import { SWEEPS } from '../../sweep/map.js';
import type { WordsOf } from './command-words.js';
import { fixedWithDefault, GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions } from './guest-options.js';
import { nonEmpty, wholeNumber } from './option-values.js';
import {
  type CampaignOptions,
  campaignOptions,
  givenAmong,
  type PairOptions,
  pairOptions,
  single,
  SPEC,
} from './shared-options.js';

/** The most points that are probed in one kernel by default. */
export const DEFAULT_POINTS = 60;

/** Options of `crashpath sweep` as they are spelled; yargs hands them over in camelCase as well. */
export interface SweepOptions extends GuestOptions, CampaignOptions, PairOptions {
  sweep: string | undefined;
  kernel: string | undefined;
  'points-most': number | undefined;
}

export type SweepArguments = ArgumentsCamelCase<SweepOptions>;

/** `crashpath sweep`: at which instructions does an NMI prevent the dump, and which locks when they are held? */
export const SWEEP = {
  command: 'sweep [sweep]',
  describe: 'Map where the crash path dies: by an NMI at each point, or by each of its locks being held',
  builder: sweepOptions,
} satisfies WordsOf<SweepOptions>;

/** Options that decide the guests; a resumed sweep keeps those of its start. */
const PLAN_OPTIONS = [
  'kernel',
  'baseline',
  'candidate',
  ...GUEST_PLAN_OPTIONS,
] as const satisfies readonly (keyof SweepOptions)[];

/** The given options that a resumed sweep would ignore, as they were spelled. Pure. */
export function fixedBySweep(argv: SweepArguments): string[] {
  return [...givenAmong(argv, PLAN_OPTIONS), ...fixedWithDefault(argv)];
}

function sweepOptions(yargs: Argv<object>): Argv<SweepOptions> {
  const described = guestOptions(whatToSweep(yargs)).option('points-most', {
    ...single(wholeNumber('--points-most', { least: 2, most: 5000 })),
    describe: `Upper limit of the points, or locks, that are tried in each kernel (default ${DEFAULT_POINTS})`,
  });
  return campaignOptions(described, {
    resume: 'Directory of a stopped sweep: probe what is left of it, then draw the map',
    json: 'Print the map as one JSON object',
  })
    .example('$0 sweep nmi-transition -k debian:6.1', 'Where does an external NMI kill the dump?')
    .example(
      '$0 sweep nmi-transition --baseline debian:6.1 --candidate debian:6.12',
      'Two kernels, and what changed between them',
    )
    .example(
      '$0 sweep crash-locks -k debian:6.1 --append crash_kexec_post_notifiers',
      'Which locks of the crash path are fatal when they are held?',
    )
    .example('$0 sweep nmi-transition -k ./bzImage --points-most 12 --json', 'A coarse map for a program')
    .example('$0 sweep --resume runs/20260101-000000-sweep-ab12', 'Resume after Ctrl-C');
}

function whatToSweep(yargs: Argv<object>) {
  const kernel = yargs
    .positional('sweep', {
      type: 'string',
      describe: `Which sweep: ${SWEEPS.join(', ')}`,
    })
    .option('kernel', {
      ...single(nonEmpty('--kernel')),
      alias: 'k',
      describe: SPEC,
    });
  return pairOptions(kernel, 'listed by --kernel');
}
