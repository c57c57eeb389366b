import type { Argv } from 'yargs';
import { ACCELERATORS, accelerator, hostNames, type Jobs, jobsOrAuto, nonEmpty } from './option-values.js';

/** The forms of a kernel spec, for the help of an option that takes one. */
export const SPEC =
  'bzImage, .deb, .rpm, several of one kernel (A.deb+B.deb), a directory with any of them, installed:RELEASE, ' +
  'debian:[SUITE/]VERSION (debian:6.1 is the newest 6.1, debian:sid the newest of sid), build:VERSION/VARIANT, ' +
  'git:TREE@REF[+PATCH...], or the name of a variant (crashpath kernel variants)';

/** An option with one value, which its own function checks. */
export function single<T>(coerce: (value: unknown) => T) {
  return { type: 'string', requiresArg: true, coerce } as const;
}

/** `--out`, for the commands that read or write runs. */
export const OUT_OPTION = {
  type: 'string',
  default: 'runs',
  requiresArg: true,
  coerce: (value: unknown) => nonEmpty('--out')(value) ?? 'runs',
  describe: 'Directory that holds the campaigns and their runs',
} as const;

/** `--json`, with what it prints. */
export function jsonOption(describe: string) {
  return { type: 'boolean', default: false, describe } as const;
}

/** `--accel`, with what it decides. */
export function acceleratorOption(describe: string) {
  return {
    choices: ACCELERATORS,
    default: 'auto',
    requiresArg: true,
    coerce: accelerator,
    describe,
  } as const;
}

/** `--host`, repeatable, with what it decides. */
export function hostOption(describe: string) {
  return {
    type: 'string',
    array: true,
    default: [] as string[],
    requiresArg: true,
    coerce: hostNames,
    describe,
  } as const;
}

/** Options of every command that begins a campaign or resumes one. */
export interface CampaignOptions {
  resume: string | undefined;
  json: boolean;
}

/** Declares `--resume` and `--json`, each with its description for the command. */
export function campaignOptions<T>(
  yargs: Argv<T>,
  describe: Readonly<Record<keyof CampaignOptions, string>>,
) {
  return yargs
    .option('resume', { ...single(nonEmpty('--resume')), describe: describe.resume })
    .option('json', jsonOption(describe.json));
}

/** An option of the commands whose runs are independent of each other. */
export interface JobsOption {
  jobs: Jobs | undefined;
}

/** Declares `--jobs` with `auto`, in place of the one that takes a number only. */
export function jobsOption<T>(yargs: Argv<T>) {
  return yargs.option('jobs', {
    ...single(jobsOrAuto),
    describe:
      'Number of guests that run at the same time on each host; auto: as many as the memory and the CPUs of this host have room for, measured while they run (default: auto for four runs or more on this host, else host CPUs / vCPUs)',
  });
}

/** Options of a command that compares two kernels. */
export interface PairOptions {
  baseline: string | undefined;
  candidate: string | undefined;
}

/** Declares `--baseline` and `--candidate`; `forms`: where the help lists the forms of a spec. */
export function pairOptions<T>(yargs: Argv<T>, forms: 'listed here' | 'listed by --kernel') {
  return yargs
    .option('baseline', {
      ...single(nonEmpty('--baseline')),
      describe: `Kernel to compare against${forms === 'listed here' ? `: ${SPEC}` : ', in the forms of --kernel'}`,
    })
    .option('candidate', {
      ...single(nonEmpty('--candidate')),
      describe: 'Kernel under test, in the same forms',
    });
}

/** The options that are given, as they are spelled; an empty list and a switch that is off do not count. Pure. */
export function givenAmong<Option extends string>(
  argv: Readonly<Partial<Record<Option, unknown>>>,
  options: readonly Option[],
): string[] {
  return options
    .filter((option) => {
      const value = argv[option];
      return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
    })
    .map((option) => `--${option}`);
}
