import type { Argv, CommandModule } from 'yargs';
import { formatDoctor } from '../doctor/format.js';
import { runDoctor } from '../doctor/run-doctor.js';
import { EXIT } from '../model/fault.js';
import { qemuBinary, wantsColor } from './context.js';
import { OUT_OPTION } from './out-option.js';
import { cacheDirectory, outDirectory } from './places.js';

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
    const report = await runDoctor({
      qemuBinary: qemuBinary(),
      cacheDir: cacheDirectory(),
      outDir: outDirectory(out),
    });
    process.stdout.write(
      json
        ? `${JSON.stringify(report)}\n`
        : `${formatDoctor(report, { color: wantsColor(process.stdout) })}\n`,
    );
    process.exitCode = report.status === 'fail' ? EXIT.harness : EXIT.expected;
  },
} satisfies CommandModule<object, Arguments>;
