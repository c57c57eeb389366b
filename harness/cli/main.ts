#!/usr/bin/env node
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { EXIT, Fault } from '../model/fault.js';
import { classifyCommand } from './classify.js';
import { complain, version } from './context.js';
import { doctorCommand } from './doctor.js';
import { imageCommand } from './image.js';
import { kernelCommand } from './kernel.js';
import { listCommand } from './list.js';
import { runCommand } from './run.js';
import { showCommand } from './show.js';

/** A reader that closes the pipe early (`| head`) is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode);
});

const parser = yargs(hideBin(process.argv))
  .scriptName('crashpath')
  .usage('$0 <command>\n\nPanics real Linux guests under QEMU and proves whether the capture kernel came up.')
  .command(runCommand)
  .command(listCommand)
  .command(showCommand)
  .command(classifyCommand)
  .command(kernelCommand)
  .command(imageCommand)
  .command(doctorCommand)
  .completion('completion', 'Print a shell completion script (bash or zsh)')
  .demandCommand(1, 'name a command')
  .strict()
  .recommendCommands()
  .version(version())
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .epilogue(
    'Exit codes: 0 all as expected, 1 an unexpected verdict, 2 only void, 3 harness error, 64 usage.\n' +
      'Environment: CRASHPATH_CACHE (cache directory), CRASHPATH_QEMU (QEMU binary), NO_COLOR.',
  )
  .fail((message: string | null, error: Error | undefined) => {
    if (error !== undefined) throw error;
    throw new Fault(
      'usage',
      `cannot understand the command line: ${message ?? 'unknown'}; see crashpath --help`,
    );
  });

try {
  await parser.parseAsync();
} catch (error) {
  if (error instanceof Fault) {
    complain(`crashpath: ${error.message}`);
    process.exitCode = error.kind === 'usage' ? EXIT.usage : EXIT.harness;
  } else {
    complain(
      `crashpath: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    process.exitCode = EXIT.harness;
  }
}
