import type { Argv } from 'yargs';
import { usageFault } from '../../model/fault.js';
import { single } from './guest-options.js';
import { SPEC } from '../kernel-spec.js';
import { nonEmpty } from './option-values.js';

/** Options of every command that begins a campaign or goes on with one. */
export interface CampaignOptions {
  resume: string | undefined;
  json: boolean;
}

/** Declares `--resume` and `--json`, each with what it means to the command. */
export function campaignOptions<T>(
  yargs: Argv<T>,
  describe: Readonly<Record<keyof CampaignOptions, string>>,
) {
  return yargs
    .option('resume', { ...single(nonEmpty('--resume')), describe: describe.resume })
    .option('json', { type: 'boolean', default: false, describe: describe.json });
}

/** Options of a command that holds two kernels against each other. */
export interface PairOptions {
  baseline: string | undefined;
  candidate: string | undefined;
}

/** Declares `--baseline` and `--candidate`; `forms` says what they take where --kernel does not say it. */
export function pairOptions<T>(yargs: Argv<T>, forms: 'said here' | 'said by --kernel') {
  return yargs
    .option('baseline', {
      ...single(nonEmpty('--baseline')),
      describe: `The kernel to compare with${forms === 'said here' ? `: ${SPEC}` : ', same forms'}`,
    })
    .option('candidate', {
      ...single(nonEmpty('--candidate')),
      describe: 'The kernel in question, same forms',
    });
}

/** The options that are given, as they are spelled; an empty list and a switch that is off are not. Pure. */
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

/** Throws a usage fault when words are given that a campaign on disk has decided already; `kind` is `a sweep`. */
export function requireOnlyDirectory(reference: string, kind: string, ignored: readonly string[]): void {
  if (ignored.length === 0) return;
  throw usageFault(
    `cannot resume "${reference}" with ${ignored.join(' ')}: ${kind} keeps what it was begun with; name only the directory`,
  );
}
