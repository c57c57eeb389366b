import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { showRun } from '../report/show-run.js';
import { findRun } from '../store/campaign-directory.js';
import { readRecording } from '../store/read-recording.js';
import { RECORDING } from '../store/recorder.js';
import { readPlan, readResult } from '../store/run-directory.js';
import { wantsColor } from './context.js';
import { OUT_OPTION } from './out-option.js';
import { outDirectory } from './places.js';

interface Arguments {
  run: string;
  out: string;
  json: boolean;
}

/** `crashpath show`: one run for people. */
export const showCommand = {
  command: 'show <run>',
  describe: 'Show one run: verdict, phases with times, evidence, console excerpt',
  builder: (yargs: Argv) =>
    yargs
      .positional('run', { type: 'string', demandOption: true, describe: 'Run directory, or its name' })
      .option('out', OUT_OPTION)
      .option('json', { type: 'boolean', default: false, describe: 'Plan and result as JSON on stdout' })
      .example('$0 show 001-sysrq-task-6.1.0-56-amd64', 'The newest run of that name'),
  handler: async ({ run, out, json }) => {
    const directory = await findRun(run, outDirectory(out));
    const plan = await readPlan(directory);
    const result = await readResult(directory);
    if (json) {
      process.stdout.write(`${JSON.stringify({ plan, result: result ?? null })}\n`);
      return;
    }
    const consoleBytes = await readFile(join(directory, RECORDING.console)).catch(() => Buffer.alloc(0));
    const names = (await readdir(directory)).sort();
    const files = await Promise.all(
      names.map(async (name) => ({ name, sizeBytes: (await lstat(join(directory, name))).size })),
    );
    const interruptState = (await readRecording(directory))
      .flatMap((record) => (record.kind === 'host' ? [record.record] : []))
      .findLast((fact) => fact.fact === 'interrupt-state');
    const color = wantsColor(process.stdout);
    process.stdout.write(showRun({ plan, result, consoleBytes, interruptState, directory, files, color }));
  },
} satisfies CommandModule<object, Arguments>;
