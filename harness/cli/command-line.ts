import { EXIT, Fault, usageFault } from '../model/fault.js';
import { complain } from './context.js';
import { parserFor } from './parser.js';
import { ABORT } from './words/bisect-step.js';
import { COMPLETE, propose } from './words/completion.js';

const BISECT_STEP_NAME = 'bisect-step';

/** Shells that a completion script is there for. */
const SHELLS: readonly string[] = ['bash', 'zsh'];

/** yargs takes the shell of a completion script from the environment alone; `completion zsh` names it. */
function forShell(words: readonly string[]): readonly string[] {
  const [command, shell, ...rest] = words;
  if (command !== 'completion' || shell === undefined || shell.startsWith('-')) return words;
  if (!SHELLS.includes(shell)) {
    throw usageFault(
      `cannot print the completion script of "${shell}": there is one for ${SHELLS.join(' and ')}; name one of them, or none for the shell in SHELL`,
    );
  }
  process.env['SHELL'] = `/bin/${shell}`;
  return [command, ...rest];
}

/**
 * Carries out one command line, the program's name left out, and sets `process.exitCode` when it is not 0. Never
 * rejects: a fault is one line on stderr, and anything else is an internal error with its stack.
 */
export async function runCommandLine(words: readonly string[]): Promise<void> {
  // `git bisect run` takes 1 to 127 for a verdict; whatever is none must end it.
  const abort = words.find((word) => !word.startsWith('-')) === BISECT_STEP_NAME ? ABORT : 0;
  try {
    if (words[0] === COMPLETE) {
      // The first word is `crashpath` itself.
      for (const word of await propose(words.slice(2))) process.stdout.write(`${word}\n`);
    } else {
      await parserFor(forShell(words)).parseAsync();
    }
  } catch (error) {
    if (error instanceof Fault) {
      complain(`crashpath: ${error.message}`);
      process.exitCode = abort + (error.kind === 'usage' ? EXIT.usage : EXIT.harness);
    } else {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(`crashpath: internal error: ${text}\n`);
      process.exitCode = abort + EXIT.harness;
    }
  }
}
