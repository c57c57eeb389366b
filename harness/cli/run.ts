import type { CommandModule } from 'yargs';
import { type RunArguments, type RunOptions, runOptions } from './words/run.js';

/** `crashpath run`: scenarios x kernels x repeats, from the command line or from a campaign file. */
export const runCommand = {
  command: 'run [scenario..]',
  describe: 'Run scenarios against kernels and say, with proof, whether the capture kernel came up',
  builder: runOptions,
  handler: async (argv: RunArguments) => {
    const { runScenarios } = await import('./actions/run-scenarios.js');
    process.exitCode = await runScenarios(argv);
  },
} satisfies CommandModule<object, RunOptions>;
