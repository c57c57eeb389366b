import type { Argv, ArgumentsCamelCase } from 'yargs';
import { CONTEXTS, type Context, DEFAULT_CONTEXT, MOST_CPUS } from '../../sweep/crash-locks/contexts.js';
import { EXIT } from '../../model/fault.js';
import { GUEST_DEFAULTS, GUEST_LIMITS } from '../../plan/guest-defaults.js';
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
  'dry-run': boolean;
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

/** Options that a file of variants has as a key of each. */
const OF_EACH_VARIANT = {
  context: 'context',
  pstore: 'pstore',
  cpus: 'cpus',
  append: 'append',
  'capture-append': 'captureAppend',
  'capture-cmdline': 'captureCmdline',
  'load-syscall': 'loadSyscall',
} as const satisfies Partial<Record<keyof SweepOptions, string>>;

/** The given options that contradict --variants, as they were spelled, and what to do; undefined for none. Pure. */
export function besideVariants(
  argv: SweepArguments,
): { readonly options: readonly string[]; readonly remedy: string } | undefined {
  const names = [
    'context',
    'pstore',
    'cpus',
    'append',
    'capture-append',
    'capture-cmdline',
    'load-syscall',
  ] as const;
  const ofEach = names.filter((name) => givenAmong(argv, [name]).length > 0);
  if (ofEach.length > 0) {
    const keys = ofEach.map((name) => `${OF_EACH_VARIANT[name]}:`).join(', ');
    return {
      options: givenAmong(argv, ofEach),
      remedy: `each variant has its own; write ${keys} into the variants of the file`,
    };
  }
  const kernels = givenAmong(argv, ['baseline', 'candidate']);
  const remedy = 'the file has the crash paths of one kernel; give it by --kernel';
  return kernels.length === 0 ? undefined : { options: kernels, remedy };
}

/** The given options that --schema would ignore, as they were spelled. Pure. */
export function besideSchema(argv: SweepArguments): string[] {
  const given = givenAmong(argv, ['resume', 'json', 'points-most', 'dry-run', ...PLAN_OPTIONS]);
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
    })
    .option('cpus', {
      ...single(
        wholeNumber('--cpus', { ...GUEST_LIMITS.cpus, note: `; crash-locks takes ${MOST_CPUS} at most` }),
      ),
      describe: `Number of vCPUs (default: the profile's, else ${GUEST_DEFAULTS.cpus}; crash-locks: ${MOST_CPUS} at most)`,
    })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe:
        "Print the QEMU command line of each map's guests, and about how many runs there will be; run nothing",
    });
  return campaignOptions(described, {
    resume:
      'Directory of a stopped sweep: probe what is left of it, then draw the map; --points-most raises its limit',
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
    .example('$0 sweep --resume runs/20260101-000000-sweep-ab12', 'Resume after Ctrl-C')
    .epilogue(
      `Exit codes: ${EXIT.expected} every map is complete and every end known, whatever is fatal, ${EXIT.inconclusive} something is missing or not known,\n${EXIT.harness} harness error, ${EXIT.usage} usage, 130 Ctrl-C. docs/crash-locks.md, docs/sweep.md`,
    );
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
