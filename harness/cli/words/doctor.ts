import type { Argv, CommandModule } from 'yargs';
import { OUT_OPTION } from '../out-option.js';

interface Arguments {
  out: string;
  json: boolean;
}

/** `crashpath doctor`: can this host run guests, and if not, what to do. */
export const doctorCommand = {
  command: 'doctor',
  describe: 'Check QEMU, the accelerator, tools, memory and disk; every failing line names its remedy',
  builder: (yargs: Argv) =>
    yargs
      .option('out', OUT_OPTION)
      .option('json', { type: 'boolean', default: false, describe: 'One JSON object on stdout' })
      .example('$0 doctor', 'Check this host'),
  handler: async ({ out, json }) => {
    const { checkHost } = await import('../actions/check-host.js');
    process.exitCode = await checkHost({ out, json });
  },
} satisfies CommandModule<object, Arguments>;
