import { basename } from 'node:path';
import yargs from 'yargs';
import { usageFault } from '../../model/fault.js';
import type { CompletionOptions } from '../words/completion-script.js';

/** Shells that a completion script is there for. */
const SHELLS: readonly string[] = ['bash', 'zsh'];

/** Shells whose script yargs has, but whose words it hands over in another form. */
const OTHERS: readonly string[] = ['fish'];

/** Carries out `crashpath completion`. Returns the exit code. */
export function printCompletion({ shell }: CompletionOptions): number {
  const own = basename(process.env['SHELL'] ?? '');
  const named = shell ?? (SHELLS.includes(own) || OTHERS.includes(own) ? own : 'bash');
  if (!SHELLS.includes(named)) {
    throw usageFault(
      `cannot print the completion script of "${named}": there is one for ${SHELLS.join(' and ')}; name one of them, or none for the shell in SHELL`,
    );
  }
  // yargs takes the shell from the environment alone, when a parser is made.
  process.env['SHELL'] = `/bin/${named}`;
  yargs([]).scriptName('crashpath').showCompletionScript();
  return 0;
}
