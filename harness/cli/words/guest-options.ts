import type { Argv } from 'yargs';
import { GUEST_DEFAULTS } from '../../plan/guest-defaults.js';
import type { AccelRequest } from '../../machine/qemu/accel/choose-accelerator.js';
import {
  ACCELERATORS,
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
import { OUT_OPTION } from '../out-option.js';

/** Options that {@link guestOptions} declares, as they are spelled; yargs hands them over in camelCase as well. */
export interface GuestOptions {
  'capture-kernel': string | undefined;
  append: string | undefined;
  'capture-append': string | undefined;
  crashkernel: string | undefined;
  cpus: number | undefined;
  memory: number | undefined;
  'machine-profile': string[];
  machine: string | undefined;
  'cpu-model': string | undefined;
  accel: AccelRequest;
  jobs: number | undefined;
  'timeout-scale': number | undefined;
  out: string;
  name: string | undefined;
}

/** Those of them that decide the runs; a resumed campaign has decided them already. */
export const GUEST_PLAN_OPTIONS = [
  'machine-profile',
  'capture-kernel',
  'append',
  'capture-append',
  'crashkernel',
  'cpus',
  'memory',
  'machine',
  'cpu-model',
  'timeout-scale',
  'name',
] as const satisfies readonly (keyof GuestOptions)[];

/** An option with one value, which its own function checks. */
export function single<T>(coerce: (value: unknown) => T) {
  return { type: 'string', requiresArg: true, coerce } as const;
}

/** What guests are like, where they run and where they are kept: the same for every command that runs some. */
export function guestOptions<T>(yargs: Argv<T>) {
  const { crashkernel: reserved, cpus: count, memoryMiB: memory, machine } = GUEST_DEFAULTS;
  return yargs
    .option('capture-kernel', {
      ...single(nonEmpty('--capture-kernel')),
      describe: 'Capture kernel, same forms; absent: each kernel is its own',
    })
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
    .option('machine-profile', {
      type: 'string',
      array: true,
      default: [] as string[],
      requiresArg: true,
      describe: 'Machine profile (crashpath list machines) or .yaml file; repeatable',
    })
    .option('machine', {
      ...single(qemuName('--machine')),
      describe: `QEMU machine type (default ${machine}, or the profile's)`,
    })
    .option('cpu-model', {
      ...single(qemuName('--cpu-model')),
      describe: "QEMU CPU model (default the profile's, else host under KVM, max under TCG)",
    })
    .option('accel', {
      choices: ACCELERATORS,
      default: 'auto' as const,
      requiresArg: true,
      coerce: accelerator,
      describe: 'auto proves KVM with a guest that does real work, else uses TCG',
    })
    .option('jobs', {
      ...single(wholeNumber('--jobs', { least: 1, most: 256 })),
      describe: 'Guests at a time (default: cores / vCPUs)',
    })
    .option('timeout-scale', {
      ...single(factor('--timeout-scale', { least: 0.1, most: 100 })),
      describe: 'Stretches every deadline, for slow hosts (default 1)',
    })
    .option('out', OUT_OPTION)
    .option('name', {
      ...single(campaignName),
      describe: 'Name of the campaign (default: date and time)',
    });
}
