import type { Argv, ArgumentsCamelCase } from 'yargs';
import { EXIT } from '../../model/fault.js';
import type { WordsOf } from './command-words.js';
import { GUEST_PLAN_OPTIONS, type GuestOptions, guestOptions } from './guest-options.js';
import { nonEmpty, wholeNumber } from './option-values.js';
import { givenAmong, jsonOption, single, SPEC } from './shared-options.js';

/** Runs on each kernel, and seconds after which no further one begins. */
export const DEFAULT_TRIES = 8;
export const DEFAULT_TIMEOUT = 3600;

/** Options of `crashpath propose` as they are spelled; yargs hands them over in camelCase as well. */
export interface ProposeOptions extends GuestOptions {
  stacks: string;
  output: string | undefined;
  try: boolean;
  kernel: string[];
  tries: number | undefined;
  timeout: number | undefined;
  json: boolean;
}

export type ProposeArguments = ArgumentsCamelCase<ProposeOptions>;

/** `crashpath propose`: from the stacks of two CPUs to a scenario that reproduces the hang. */
export const PROPOSE = {
  command: 'propose <stacks>',
  describe: 'Make a draft scenario of the stacks of CPUs that hung in the crash path, and try it',
  builder: proposeOptions,
} satisfies WordsOf<ProposeOptions>;

/** The given options that only `--try` uses, as they were spelled. Pure. */
export function onlyForTrying(argv: ProposeArguments): string[] {
  const options = [...GUEST_PLAN_OPTIONS, 'kernel', 'tries', 'timeout', 'jobs'] as const;
  return [
    ...givenAmong(argv, options),
    ...(argv.accel === 'auto' ? [] : ['--accel']),
    ...(argv.clone ? [] : ['--no-clone']),
  ];
}

function proposeOptions(yargs: Argv<object>): Argv<ProposeOptions> {
  const described = yargs
    .positional('stacks', {
      type: 'string',
      demandOption: true,
      describe:
        'Text with stacks (kernel log, crash, gdb, drgn, mail), - for stdin, an autopsy as JSON, or a run',
    })
    .option('output', {
      ...single(nonEmpty('--output')),
      alias: 'o',
      describe: 'File for the scenario (default: stdout; with --try, a file beside the runs)',
    })
    .option('try', {
      type: 'boolean',
      default: false,
      describe: 'Run the draft, and vary what the stacks leave open, until it hangs where they say',
    })
    .option('kernel', {
      type: 'string',
      array: true,
      default: [] as string[],
      alias: 'k',
      requiresArg: true,
      describe: `Kernel to try it on: ${SPEC}; may be repeated`,
    })
    .option('tries', {
      ...single(wholeNumber('--tries', { least: 1, most: 1000 })),
      describe: `Runs on each kernel at most (default ${DEFAULT_TRIES})`,
    })
    .option('timeout', {
      ...single(wholeNumber('--timeout', { least: 1, most: 10_000_000 })),
      describe: `Seconds after which no further run begins (default ${DEFAULT_TIMEOUT})`,
    })
    .option('json', jsonOption('Print what was found and tried as one JSON object'));
  return guestOptions(described)
    .example('$0 propose mail.txt', 'Print a draft of the stacks in a mail')
    .example('$0 propose console.log -o hang.yaml', 'Write a draft of the call traces in a log')
    .example('$0 propose mail.txt --try -k debian:6.1 -k ./bzImage', 'Try it on two kernels')
    .example('$0 propose 001-ioapic-lock-held-6.1.192 --try -k ./bzImage --tries 3', 'From a run that hung')
    .epilogue(
      `Exit codes: ${EXIT.expected} a draft was made; with --try: a kernel hung where the stacks say. ${EXIT.unexpected} every state that was reached\nended otherwise (captured, or hung elsewhere). ${EXIT.inconclusive} the stacks show no wait for a lock that another keeps; with\n--try: no state was reached. ${EXIT.harness} harness error, ${EXIT.usage} usage, a text without stacks included. docs/propose.md`,
    );
}
