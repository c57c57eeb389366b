import yargs, { type Argv } from 'yargs';
import { EXIT, usageFault } from '../model/fault.js';
import { declareCommands } from './declare-commands.js';
import { setQuiet, version } from './context.js';
import { withoutHelpKept } from './keep-no-help.js';
import { optionsOf } from './words/command-words.js';
import { COMMANDS, groupOf } from './words/commands.js';
import { STDIN } from './words/read.js';
import { usageMessage } from './words/usage-message.js';

/** The parser of the whole command line. Mistakes are thrown as usage faults. */
export function parserFor(words: readonly string[]): Argv {
  refuseValuesOfSwitches(words);
  const parser: Argv = withoutHelpKept(yargs(withValuesOfBare(withDashJoined(words))));
  return (
    declareCommands(
      parser
        .scriptName('crashpath')
        .usage(
          '$0 <command>\n\nPanics real Linux guests under QEMU and proves whether the capture kernel came up.',
        ),
    )
      .option('quiet', {
        type: 'boolean',
        default: false,
        alias: 'q',
        global: true,
        describe: 'Print no progress on stderr',
      })
      .middleware(({ quiet }) => setQuiet(quiet))
      .completion('completion', 'Print a completion script: for bash or zsh, named or as in SHELL')
      .example('$0 run sysrq-task --kernel debian:6.1', 'Crash the newest Debian 6.1 once')
      .example('$0 completion >> ~/.bashrc', 'Complete commands, scenarios and kernels')
      .demandCommand(1, 'name a command')
      .check(({ json, 'dry-run': dryRun, 'keep-minutes': minutes, 'keep-failed': failed }) => {
        if (json === true && dryRun === true) {
          throw usageFault('cannot use --json with --dry-run: a dry run prints no JSON; leave one out');
        }
        if (minutes !== undefined && failed === undefined) {
          throw usageFault('cannot use --keep-minutes without --keep-failed: no guest stays up; add it');
        }
        return true;
      })
      .strict()
      // Help ends like any other command: yargs' own exit would lose output that is not written yet.
      .exitProcess(false)
      // `-k debian:6.1 sysrq-task` is one kernel and one scenario.
      .parserConfiguration({ 'greedy-arrays': false })
      // crashpath's messages are not translated, so yargs' are not either.
      .locale('en')
      .version(version())
      .wrap(Math.min(110, process.stdout.columns ?? 110))
      .epilogue(
        `Exit codes: ${EXIT.expected} all as expected, ${EXIT.unexpected} an unexpected verdict, ${EXIT.inconclusive} only void, ${EXIT.harness} harness error, ${EXIT.usage} usage.\n` +
          'Environment: CRASHPATH_CACHE (cache directory), CRASHPATH_QEMU (QEMU binary), NO_COLOR.',
      )
      .fail((complaint: string | null, error: Error | undefined) => {
        if (error !== undefined && error.name !== 'YError') throw error;
        const misused = { words, options: optionsOf(parser).names, ...placeOf(words) };
        throw usageFault(usageMessage(complaint ?? error?.message ?? 'unknown', misused));
      })
  );
}

/** `-o -` means stdout and `read -` stdin, but yargs takes a lone dash for no value of a list. */
function withDashJoined(words: readonly string[]): string[] {
  const isRead = words.find((word) => !word.startsWith('-')) === 'read';
  return words.flatMap((word, index) => {
    if (word === '-' && isRead) return [STDIN];
    if (word === '-' && isOutput(words[index - 1])) return [];
    return isOutput(word) && words[index + 1] === '-' ? ['--output=-'] : [word];
  });
}

/** Options whose value may be left out, with the value that they have then, and the form of one that follows as a word. */
const BARE: Readonly<Record<string, readonly [value: string, form: RegExp]>> = {
  '--keep-vmcore': ['failed', /^(failed|all)$/],
  '--keep-failed': ['1', /^\d+$/],
};

/** yargs would take the word that follows, a scenario, for the value. */
function withValuesOfBare(words: readonly string[]): string[] {
  return words.flatMap((word, index) => {
    const before = BARE[words[index - 1] ?? ''];
    if (before?.[1].test(word) === true) return [];
    const bare = BARE[word];
    if (bare === undefined) return [word];
    const next = words[index + 1] ?? '';
    return [`${word}=${bare[1].test(next) ? next : bare[0]}`];
  });
}

function isOutput(word: string | undefined): boolean {
  return word === '-o' || word === '--output';
}

/** yargs takes `--dry-run=yes` for `--no-dry-run`, which would start a guest. */
function refuseValuesOfSwitches(words: readonly string[]): void {
  const word = words.find((candidate) =>
    /^--(across-kernels|again|end|exec|list|dry-run|first-parent|full|json|quiet|rebuild|schema|until-significant)=(?!true$|false$)/.test(
      candidate,
    ),
  );
  if (word === undefined) return;
  const [option = ''] = word.split('=');
  throw usageFault(`cannot use "${word}": ${option} takes no value; write ${option} alone`);
}

/** The longest existing command that the words name, and the commands that could follow. */
function placeOf(words: readonly string[]): { command: string; commands: readonly string[] } {
  const [first = '', second = ''] = words.filter((word) => !word.startsWith('-'));
  if (!Object.hasOwn(COMMANDS, first)) return { command: 'crashpath', commands: Object.keys(COMMANDS) };
  const group = Object.keys(groupOf(first) ?? {});
  return group.includes(second)
    ? { command: `crashpath ${first} ${second}`, commands: [] }
    : { command: `crashpath ${first}`, commands: group };
}
