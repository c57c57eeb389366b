import type { Argv } from 'yargs';
import { EXIT } from '../../model/fault.js';
import type { WordsOf } from './command-words.js';
import { nonEmpty } from './option-values.js';
import { jsonOption, OUT_OPTION, single } from './shared-options.js';

/** Options of `crashpath attach`. */
export interface AttachOptions {
  run: string | undefined;
  list: boolean;
  end: boolean;
  exec: boolean;
  vmlinux: string | undefined;
  out: string;
  json: boolean;
}

/** `crashpath attach`: a dead guest that `--keep-failed` left up. */
export const ATTACH = {
  command: 'attach [run]',
  describe: 'A dead guest that run --keep-failed left up: the gdb command for it, or its end',
  builder: (yargs: Argv) =>
    yargs
      .positional('run', { type: 'string', describe: 'Directory of a run, or its name' })
      .option('list', {
        type: 'boolean',
        default: false,
        describe: 'List all guests that are up on this host',
      })
      .option('end', { type: 'boolean', default: false, describe: 'End the guest of the run' })
      .option('exec', { type: 'boolean', default: false, describe: 'Start gdb' })
      .option('vmlinux', {
        ...single(nonEmpty('--vmlinux')),
        describe:
          "The first kernel's vmlinux, with debug information, in place of the symbols of its kallsyms",
      })
      .option('out', OUT_OPTION)
      .option('json', jsonOption('Print JSON: one object for a guest'))
      .example('$0 attach 001-ioapic-lock-held-6.1.192-cp-no-zap', 'Print the gdb command for it')
      .example('$0 attach 001-ioapic-lock-held-6.1.192-cp-no-zap --exec', 'Start gdb on it')
      .example('$0 attach --list', 'All guests that are up')
      .epilogue(
        `Exit codes: ${EXIT.expected} done, ${EXIT.usage} usage, a run without a guest included; with --exec that of gdb. docs/dumps.md`,
      ),
} satisfies WordsOf<AttachOptions>;
