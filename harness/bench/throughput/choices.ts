import type { Argv } from 'yargs';
import { memoryMiB, repack, text, vmcoreReading } from '../../cli/words/option-values.js';
import { single } from '../../cli/words/shared-options.js';
import { REPACKS, type Repack, VMCORE_READS, type VmcoreReading } from '../../plan/guest-defaults.js';

/** What runs of crashpath are asked for beside the defaults. The shell loop, whose guest is the default one, has none. */
export interface RunChoices {
  readonly repack?: Repack | undefined;
  readonly vmcore?: VmcoreReading | undefined;
  readonly memory?: number | undefined;
  readonly append?: string | undefined;
  readonly captureAppend?: string | undefined;
}

/** Names of the options that {@link choiceOptions} declares. */
export const CHOICE_OPTIONS = ['repack', 'vmcore', 'memory', 'append', 'capture-append'] as const;

/** Declares the choices of `crashpath run` that the bench passes on to fresh runs and clones. */
export function choiceOptions<T>(yargs: Argv<T>) {
  const passed = 'Passed on to fresh runs and clones, not to the loop';
  return yargs
    .option('repack', { choices: REPACKS, requiresArg: true, coerce: repack, describe: passed })
    .option('vmcore', { choices: VMCORE_READS, requiresArg: true, coerce: vmcoreReading, describe: passed })
    .option('memory', { ...single(memoryMiB), describe: `${passed}; MiB` })
    .option('append', { ...single(text('--append')), describe: passed })
    .option('capture-append', { ...single(text('--capture-append')), describe: passed });
}

/** The same as words of `crashpath run`. Pure. */
export function choiceWords({ repack, vmcore, memory, append, captureAppend }: RunChoices): string[] {
  const word = (option: string, value: string | number | undefined) =>
    value === undefined ? [] : [option, `${value}`];
  return [
    ...word('--repack', repack),
    ...word('--vmcore', vmcore),
    ...word('--memory', memory),
    ...word('--append', append),
    ...word('--capture-append', captureAppend),
  ];
}
