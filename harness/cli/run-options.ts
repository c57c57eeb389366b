import type { Argv, ArgumentsCamelCase } from 'yargs';
import { GUEST_DEFAULTS } from '../plan/make-plan.js';
import type { AccelRequest } from '../qemu/accel/choose-accelerator.js';
import { SPEC } from './kernel.js';
import {
  accelerator,
  campaignName,
  cpus,
  crashkernel,
  factor,
  memoryMiB,
  nonEmpty,
  qemuName,
  text,
  wholeNumber,
} from './option-values.js';
import { OUT_OPTION } from './out-option.js';

/** Options of `crashpath run` as they are spelled; yargs hands them over in camelCase as well. */
export interface RunOptions {
  scenario: string[];
  kernel: string[];
  'capture-kernel': string | undefined;
  append: string | undefined;
  'capture-append': string | undefined;
  crashkernel: string | undefined;
  cpus: number | undefined;
  memory: number | undefined;
  machine: string | undefined;
  'cpu-model': string | undefined;
  accel: AccelRequest;
  repeat: number | undefined;
  jobs: number | undefined;
  'timeout-scale': number | undefined;
  out: string;
  campaign: string | undefined;
  resume: string | undefined;
  json: boolean;
  'dry-run': boolean;
}

export type RunArguments = ArgumentsCamelCase<RunOptions>;

/** What decides the runs; a resumed campaign has decided it already. */
const PLAN_OPTIONS = [
  'capture-kernel',
  'append',
  'capture-append',
  'crashkernel',
  'cpus',
  'memory',
  'machine',
  'cpu-model',
  'repeat',
  'timeout-scale',
  'campaign',
] as const satisfies readonly (keyof RunOptions)[];

/** Names of the given options that a resumed campaign would have to ignore. Pure. */
export function fixedByCampaign(argv: RunArguments): string[] {
  return PLAN_OPTIONS.filter((option) => argv[option] !== undefined).map((option) => `--${option}`);
}

/** Declares the options and examples of `crashpath run`. */
export function runOptions(yargs: Argv<object>): Argv<RunOptions> {
  const { crashkernel: reserved, cpus: count, memoryMiB: memory, machine } = GUEST_DEFAULTS;
  return whatToRun(yargs)
    .option('append', {
      ...single(text('--append')),
      describe: "Added to the production kernel's command line",
    })
    .option('capture-append', {
      ...single(text('--capture-append')),
      describe: "Added to the capture kernel's command line",
    })
    .option('crashkernel', {
      ...single(crashkernel),
      describe: `Reservation, e.g. 256M (default ${reserved})`,
    })
    .option('cpus', { ...single(cpus), describe: `vCPUs (default ${count}, or as the scenario wants)` })
    .option('memory', { ...single(memoryMiB), describe: `Guest memory in MiB (default ${memory})` })
    .option('machine', {
      ...single(qemuName('--machine')),
      describe: `QEMU machine type (default ${machine})`,
    })
    .option('cpu-model', {
      ...single(qemuName('--cpu-model')),
      describe: 'QEMU CPU model (default host under KVM, max under TCG)',
    })
    .option('accel', {
      choices: ['auto', 'kvm', 'tcg'] as const,
      default: 'auto' as const,
      requiresArg: true,
      coerce: accelerator,
      describe: 'auto proves KVM with a guest that does real work, else uses TCG',
    })
    .option('timeout-scale', {
      ...single(factor('--timeout-scale', { least: 0.1, most: 100 })),
      describe: 'Stretches every deadline, for slow hosts (default 1)',
    })
    .option('out', OUT_OPTION)
    .option('campaign', {
      ...single(campaignName),
      describe: 'Name of the campaign (default: date and time)',
    })
    .option('resume', {
      ...single(nonEmpty('--resume')),
      describe: 'Directory of a campaign that was stopped: run what is left',
    })
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'One JSON object per run on stdout as it ends',
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
      describe: SPEC,
    })
    .option('capture-kernel', {
      ...single(nonEmpty('--capture-kernel')),
      describe: 'Capture kernel, same forms; absent: the kernel itself',
    })
    .option('repeat', {
      ...single(wholeNumber('--repeat', { least: 1, most: 10_000 })),
      describe: 'Runs of each scenario and kernel (default 1)',
    })
    .option('jobs', {
      ...single(wholeNumber('--jobs', { least: 1, most: 256 })),
      describe: 'Guests at a time (default: cores / vCPUs)',
    });
}

/** An option with one value, which its own function checks. */
function single<T>(coerce: (value: unknown) => T) {
  return { type: 'string', requiresArg: true, coerce } as const;
}
