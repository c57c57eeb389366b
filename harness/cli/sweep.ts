import type { CommandModule } from 'yargs';
import { type SweepArguments, type SweepOptions, sweepOptions } from './words/sweep.js';

/** `crashpath sweep`: at which instructions does an interrupt kill the dump? */
export const sweepCommand = {
  command: 'sweep [sweep]',
  describe: 'Inject an NMI at one instruction after the other and draw the map of what each leads to',
  builder: sweepOptions,
  handler: async (argv: SweepArguments) => {
    const { sweepKernels } = await import('./actions/sweep-kernels.js');
    process.exitCode = await sweepKernels(argv);
  },
} satisfies CommandModule<object, SweepOptions>;
