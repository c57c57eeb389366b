import type { CommandModule } from 'yargs';
import { type CompareArguments, type CompareOptions, compareOptions } from './words/compare.js';

/** `crashpath compare`: does a candidate kernel fail less often than a baseline? */
export const compareCommand = {
  command: 'compare [scenario..]',
  describe: 'Run two or more kernels in turns and say, with an exact test, whether one fixes or regresses',
  builder: compareOptions,
  handler: async (argv: CompareArguments) => {
    const { compareKernels } = await import('./actions/compare-kernels.js');
    process.exitCode = await compareKernels(argv);
  },
} satisfies CommandModule<object, CompareOptions>;
