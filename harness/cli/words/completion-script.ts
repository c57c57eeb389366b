import type { Argv } from 'yargs';
import type { WordsOf } from './command-words.js';

/** Options of `crashpath completion`. */
export interface CompletionOptions {
  shell: string | undefined;
}

/** `crashpath completion`: the script by which a shell asks for proposals. */
export const COMPLETION = {
  command: 'completion [shell]',
  describe: 'Print a completion script: for bash or zsh, named or as in SHELL',
  builder: (yargs: Argv) =>
    yargs
      .positional('shell', { type: 'string', describe: 'bash or zsh (default: as in SHELL)' })
      .example('$0 completion bash >> ~/.bashrc', 'Complete commands, scenarios and kernels')
      .example('$0 completion zsh >> ~/.zshrc', 'The same in zsh, behind compinit'),
} satisfies WordsOf<CompletionOptions>;
