#!/usr/bin/env node
import { hideBin } from 'yargs/helpers';
import { EXIT, Fault } from '../model/fault.js';
import { COMPLETE, propose } from './words/completion.js';
import { complain } from './context.js';
import { parserFor } from './parser.js';
import { guardStreams } from './streams.js';

guardStreams();
try {
  const words = hideBin(process.argv);
  if (words[0] === COMPLETE) {
    // The first word that was typed is `crashpath` itself.
    for (const word of await propose(words.slice(2))) process.stdout.write(`${word}\n`);
  } else {
    await parserFor(words).parseAsync();
  }
} catch (error) {
  if (error instanceof Fault) {
    complain(`crashpath: ${error.message}`);
    process.exitCode = error.kind === 'usage' ? EXIT.usage : EXIT.harness;
  } else {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`crashpath: internal error: ${told}\n`);
    process.exitCode = EXIT.harness;
  }
}
