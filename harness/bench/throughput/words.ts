import yargs from 'yargs';
import { acceleratorOption, single, SPEC } from '../../cli/words/shared-options.js';
import { usageMessage } from '../../cli/words/usage-message.js';
import { factor, nonEmpty, wholeNumber } from '../../cli/words/option-values.js';
import { usageFault } from '../../model/fault.js';
import { CHOICE_OPTIONS, choiceOptions } from './choices.js';
import { CONTENDERS, isLetter, type Letter, LETTERS } from './contenders.js';

/** The time that people give a guest in such a loop. */
export const LOOP_TIMEOUT_SECONDS = 60;
const COMMAND = 'npm run bench --';
const OPTIONS = [
  'kernel',
  'hang-kernel',
  'rounds',
  'only',
  'clones',
  'timeout-scale',
  'accel',
  ...CHOICE_OPTIONS,
  'out',
  'json',
];

/** Options, and whose they are. */
const IDLE: readonly (readonly [option: string, users: readonly Letter[]])[] = [
  ['--clones', ['c', 'd']],
  ['--hang-kernel', ['e']],
  ...CHOICE_OPTIONS.map((option) => [`--${option}`, ['b', 'c', 'd']] as const),
];

/** The words of a bench. */
export type Words = Awaited<ReturnType<typeof wordsOf>>;

/** Reads the command line. Throws a usage fault for one that cannot be used. */
export function wordsOf(words: readonly string[]) {
  const list = LETTERS.map((letter) => `${letter}: ${CONTENDERS[letter].what}`).join('; ');
  return choiceOptions(yargs([...words]))
    .scriptName(COMMAND)
    .usage(
      '$0 [options]\n\nCrashes guests in a shell loop and in crashpath, in turns, and compares what it costs.',
    )
    .option('kernel', {
      ...single((value) => nonEmpty('--kernel')(value) ?? ''),
      default: 'debian:6.1',
      alias: 'k',
      describe: SPEC,
    })
    .option('hang-kernel', {
      ...single((value) => nonEmpty('--hang-kernel')(value) ?? ''),
      default: 'no-zap',
      describe: 'Kernel that hangs in ioapic-lock-held, in the same forms',
    })
    .option('rounds', {
      ...single((value) => wholeNumber('--rounds', { least: 1, most: 1000 })(value) ?? 1),
      default: '3',
      describe: 'Turns of each',
    })
    .option('only', {
      ...single(lettersOf),
      default: LETTERS.join(),
      describe: `What takes turns, by letters with commas between them. ${list}`,
    })
    .option('clones', {
      ...single((value) => wholeNumber('--clones', { least: 3, most: 1000 })(value) ?? 3),
      default: '4',
      describe:
        'Runs of a turn of c and d beside the first one, which boots, 3 or more; each tenth run boots too',
    })
    .option('timeout-scale', {
      ...single((value) => factor('--timeout-scale', { least: 0.1, most: 100 })(value) ?? 1),
      default: '1',
      describe: `Factor on every deadline, and on the loop's timeout of ${LOOP_TIMEOUT_SECONDS} s`,
    })
    .option('accel', acceleratorOption('Accelerator of all guests'))
    .option('out', {
      ...single(nonEmpty('--out')),
      describe: 'Directory that keeps the recordings (default: they are removed)',
    })
    .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object' })
    .check(({ only }) => {
      refuseIdle(words, only);
      return true;
    })
    .example('$0', 'All of it, three rounds on the newest Debian 6.1')
    .example('$0 -k ./bzImage --only a,c --rounds 10', 'A shell loop against clones, on a kernel of your own')
    .example('$0 --only a,b,c --repack capture --vmcore mapped', 'What these options of crashpath run save')
    .example('$0 --json --out bench-runs', 'For a script; the recordings stay')
    .epilogue(
      'Exit codes: 0 every run ended as expected, 1 one did not, 3 the harness failed, 64 usage, 130 Ctrl-C. Goals that ' +
        'are not met do not change it. docs/performance.md',
    )
    .version(false)
    .strict()
    .locale('en')
    .fail((complaint: string | null, error: Error | undefined) => {
      if (error !== undefined && error.name !== 'YError') throw error;
      const misused = { words, options: OPTIONS, commands: [], command: COMMAND };
      throw usageFault(usageMessage(complaint ?? error?.message ?? 'unknown', misused));
    })
    .parseAsync();
}

function lettersOf(value: unknown): Letter[] {
  const given = nonEmpty('--only')(value) ?? '';
  const letters = given.split(',').map((text) => text.trim());
  const known = letters.filter(isLetter);
  const wrong = letters.find((letter) => !isLetter(letter));
  if (wrong === undefined) return LETTERS.filter((letter) => known.includes(letter));
  throw usageFault(
    `cannot use --only "${given}": "${wrong}" is none of ${LETTERS.join(', ')}; write e.g. a,c`,
  );
}

/** Throws a usage fault for an option of contenders that take no turn. */
function refuseIdle(words: readonly string[], only: readonly Letter[]): void {
  for (const [option, users] of IDLE) {
    const isGiven = words.some((word) => word === option || word.startsWith(`${option}=`));
    if (!isGiven || users.some((letter) => only.includes(letter))) continue;
    throw usageFault(
      `cannot use ${option} with --only "${only.join()}": it belongs to ${users.join(' and ')}; add ${users.length > 1 ? 'one of them' : 'it'}, or leave ${option} out`,
    );
  }
}
