import type { Argv, ArgumentsCamelCase } from 'yargs';
import { EXIT } from '../../model/fault.js';
import { VERDICT_WORDS } from '../../model/verdict.js';
import { buildOptions } from './bisect.js';
import type { WordsOf } from './command-words.js';
import { type GuestOptions, guestOptions } from './guest-options.js';
import { factor, nonEmpty, oneOf, wholeNumber } from './option-values.js';
import { single, SPEC } from './shared-options.js';

/** The verdicts that can make a commit bad. */
const BAD_VERDICTS = VERDICT_WORDS.filter((word) => !['harness-error', 'void', 'cannot-tell'].includes(word));

/** Added to an exit code that ends a `git bisect run`: it takes every code from 128 on as that. */
export const ABORT = 128;

/** Options of `crashpath bisect-step` as they are spelled; yargs hands them over in camelCase as well. */
export interface BisectStepOptions extends GuestOptions {
  scenario: string | undefined;
  kernel: string | undefined;
  config: string | undefined;
  'build-jobs': number | undefined;
  trials: number | undefined;
  'bad-rate': number | undefined;
  bad: string[];
}

export type BisectStepArguments = ArgumentsCamelCase<BisectStepOptions>;

/** `crashpath bisect-step`: is the checkout good or bad, for `git bisect run`? */
export const BISECT_STEP = {
  command: 'bisect-step [scenario]',
  describe: 'Build the git checkout here, run trials, and exit as git bisect run wants it',
  builder: bisectStepOptions,
} satisfies WordsOf<BisectStepOptions>;

function bisectStepOptions(yargs: Argv<object>): Argv<BisectStepOptions> {
  const described = yargs
    .positional('scenario', { type: 'string', describe: 'A name of crashpath list, or a .yaml file' })
    .option('kernel', {
      ...single(nonEmpty('--kernel')),
      alias: 'k',
      describe: `Kernel to run instead of building the checkout: ${SPEC}`,
    })
    .option('trials', {
      ...single(wholeNumber('--trials', { least: 1, most: 10_000 })),
      describe: 'Trials without a bad outcome after which the commit is good',
    })
    .option('bad-rate', {
      ...single(factor('--bad-rate', { least: 0.001, most: 1 })),
      describe:
        'How often a bad commit shows the bad outcome: the number of trials that misses less than 5 % over 20 steps',
    })
    .option('bad', {
      type: 'string',
      array: true,
      default: [] as string[],
      requiresArg: true,
      choices: BAD_VERDICTS,
      coerce: (values: string[]) => values.map((value) => oneOf('--bad', BAD_VERDICTS)(value) ?? value),
      describe:
        'Only this verdict is bad, any other unexpected one is skipped; may be repeated (default: each that the scenario does not expect)',
    });
  return guestOptions(buildOptions(described))
    .example(
      '$0 bisect-step ioapic-lock-held --bad-rate 0.5',
      'After "git bisect run", in a tree in which git bisect was started',
    )
    .example('$0 bisect-step sysrq-task -k ./arch/x86/boot/bzImage --trials 3', 'A kernel that you built')
    .epilogue(
      `Exit codes: 0 good, 1 bad, 125 skip (it does not build or boot, or its trials are undecided),\n${ABORT + EXIT.harness} harness error, ${ABORT + EXIT.usage} usage, 130 Ctrl-C. docs/bisect.md`,
    );
}
