import { EXIT, Fault } from '../model/fault.js';
import { complain } from './context.js';
import { parserFor } from './parser.js';
import { ABORT } from './words/bisect-step.js';
import { COMPLETE, propose } from './words/completion.js';

const BISECT_STEP_NAME = 'bisect-step';

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
      await parserFor(words).parseAsync();
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
