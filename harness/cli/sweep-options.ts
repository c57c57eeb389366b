import type { Argv, ArgumentsCamelCase } from 'yargs';
import { SWEEPS } from '../sweep/map.js';
import {
  type CampaignOptions,
  campaignOptions,
  givenAmong,
  type PairOptions,
  pairOptions,
} from './campaign-options.js';
import { GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions, single } from './guest-options.js';
import { SPEC } from './kernel-spec.js';
import { nonEmpty, wholeNumber } from './option-values.js';

/** Points of one kernel that are probed at most when nothing is said. */
export const DEFAULT_POINTS = 60;

/** Options of `crashpath sweep` as they are spelled; yargs hands them over in camelCase as well. */
export interface SweepOptions extends GuestOptions, CampaignOptions, PairOptions {
  sweep: string | undefined;
  kernel: string | undefined;
  'points-most': number | undefined;
}

export type SweepArguments = ArgumentsCamelCase<SweepOptions>;

/** What decides the guests; a resumed sweep has decided it already. */
const PLAN_OPTIONS = [
  'kernel',
  'baseline',
  'candidate',
  ...GUEST_PLAN_OPTIONS,
] as const satisfies readonly (keyof SweepOptions)[];

/** What is given that a resumed sweep would have to ignore, as it was spelled. Pure. */
export function fixedBySweep(argv: SweepArguments): string[] {
  return givenAmong(argv, PLAN_OPTIONS);
}

/** Declares the options and examples of `crashpath sweep`. */
export function sweepOptions(yargs: Argv<object>): Argv<SweepOptions> {
  const described = guestOptions(whatToSweep(yargs)).option('points-most', {
    ...single(wholeNumber('--points-most', { least: 2, most: 5000 })),
    describe: `Points of each kernel that are probed at most (default ${DEFAULT_POINTS})`,
  });
  return campaignOptions(described, {
    resume: 'Directory of a sweep that was stopped: probe what is left and draw the map',
    json: 'The map as one JSON object on stdout',
  })
    .example('$0 sweep nmi-transition -k debian:6.1', 'Where an external NMI kills the dump')
    .example(
      '$0 sweep nmi-transition --baseline debian:6.1 --candidate debian:6.12',
      'Two kernels, and what moved',
    )
    .example('$0 sweep nmi-transition -k ./bzImage --points-most 12 --json', 'A coarse map, for a program')
    .example('$0 sweep --resume runs/20260101-000000-sweep-ab12', 'Go on after Ctrl-C');
}

function whatToSweep(yargs: Argv<object>) {
  const kernel = yargs
    .positional('sweep', {
      type: 'string',
      describe: `What is swept: ${SWEEPS.join(', ')}`,
    })
    .option('kernel', {
      ...single(nonEmpty('--kernel')),
      alias: 'k',
      describe: SPEC,
    });
  return pairOptions(kernel, 'said by --kernel');
}
