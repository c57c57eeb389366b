import { hideBin } from 'yargs/helpers';
import { runCommandLine } from './command-line.js';
import { guardStreams } from './streams.js';

guardStreams();
await runCommandLine(hideBin(process.argv));
