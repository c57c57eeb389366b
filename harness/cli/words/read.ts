import type { Argv } from 'yargs';
import type { WordsOf } from './command-words.js';
import { jsonOption } from './shared-options.js';

/** What `-` stands for among the logs. */
export const STDIN = '/dev/stdin';

/** Options of `crashpath read`. */
export interface ReadOptions {
  log: string[];
  json: boolean;
}

/** `crashpath read`: plain console logs of any machine. */
export const READ = {
  command: 'read <log..>',
  describe:
    'Read plain console logs: which crash, how far it came, what that proves, known causes, what to try',
  builder: (yargs: Argv) =>
    yargs
      .positional('log', {
        type: 'string',
        array: true,
        demandOption: true,
        describe:
          'Log of a serial console, netconsole, syslog or dmesg, also compressed with gzip; - reads stdin',
      })
      .option('json', jsonOption('Print one JSON object per log'))
      .example('$0 read serial.log', 'What each crash in it shows')
      .example('$0 read console-*.log.gz --json', 'Several logs, for a script')
      .example('$0 read - <sol.log', 'From a pipe or standard input')
      .epilogue(
        'Exit codes: 0 no crash, or each crash has a report of a saved dump; 1 a crash is shown to have left no dump; ' +
          '2 a crash is undetermined; 3 harness error; 64 no log. 1 takes precedence over 2.',
      ),
} satisfies WordsOf<ReadOptions>;
