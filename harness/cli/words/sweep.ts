import type { Argv, ArgumentsCamelCase } from 'yargs';
import { CONTEXTS, type Context, DEFAULT_CONTEXT } from '../../sweep/crash-locks/contexts.js';
import { SWEEPS } from '../../sweep/map.js';
import type { WordsOf } from './command-words.js';
import { fixedWithDefault, GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions } from './guest-options.js';
import { nonEmpty, oneOf, wholeNumber } from './option-values.js';
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
  context: Context | undefined;
  pstore: boolean;
  variants: string | undefined;
  schema: boolean;
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
  'context',
  'pstore',
  'variants',
  ...GUEST_PLAN_OPTIONS,
] as const satisfies readonly (keyof SweepOptions)[];

/** The given options that a resumed sweep would ignore, as they were spelled. Pure. */
export function fixedBySweep(argv: SweepArguments): string[] {
  return [...givenAmong(argv, PLAN_OPTIONS), ...fixedWithDefault(argv)];
}

/** Options that a file of variants has for each of them, or that one table does not allow. */
const OF_EACH_VARIANT = [
  'context',
  'pstore',
  'cpus',
  'append',
  'capture-append',
  'capture-cmdline',
  'load-syscall',
  'baseline',
  'candidate',
] as const satisfies readonly (keyof SweepOptions)[];

/** The given options that contradict --variants, as they were spelled. Pure. */
export function besideVariants(argv: SweepArguments): string[] {
  return givenAmong(argv, OF_EACH_VARIANT);
}

/** The given options that --schema would ignore, as they were spelled. Pure. */
export function besideSchema(argv: SweepArguments): string[] {
  const given = givenAmong(argv, ['resume', 'json', 'points-most', ...PLAN_OPTIONS]);
  return [...(argv.sweep === undefined ? [] : [argv.sweep]), ...given, ...fixedWithDefault(argv)];
}

function sweepOptions(yargs: Argv<object>): Argv<SweepOptions> {
  const described = guestOptions(whatToSweep(yargs))
    .option('points-most', {
      ...single(wholeNumber('--points-most', { least: 2, most: 5000 })),
      describe: `Upper limit of the points, or locks, that are tried in each kernel (default ${DEFAULT_POINTS})`,
    })
    .option('context', {
      choices: CONTEXTS,
      requiresArg: true,
      coerce: oneOf('--context', CONTEXTS),
      describe: `crash-locks: context in which the CPU panics (default ${DEFAULT_CONTEXT}, a timer interrupt)`,
    })
    .option('pstore', {
      type: 'boolean',
      default: false,
      describe: 'crash-locks: pstore keeps the log of the panic (needs the module ramoops)',
    })
    .option('variants', {
      ...single(nonEmpty('--variants')),
      describe:
        'crash-locks: file of crash paths (context, vCPUs, command line), each with a map of its own, and one table of all (docs/crash-locks.md)',
    })
    .option('schema', {
      type: 'boolean',
      default: false,
      describe: 'Print the JSON Schema of such files, for editors',
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
    .example('$0 sweep crash-locks -k stock --context nmi --cpus 4', 'The same of another crash path')
    .example(
      '$0 sweep crash-locks -k stock --variants scripts/crash-locks.yaml',
      'Several crash paths of one kernel, side by side',
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
