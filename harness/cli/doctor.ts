import { resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { formatDoctor } from '../doctor/format.js';
import { runDoctor } from '../doctor/run-doctor.js';
import { EXIT } from '../model/fault.js';
import { cacheDirectory, qemuBinary, wantsColor } from './context.js';

interface Arguments {
  out: string;
  json: boolean;
}

/** `crashpath doctor`: can this host run guests, and if not, what to do. */
export const doctorCommand: CommandModule<object, Arguments> = {
  command: 'doctor',
  describe: 'Check QEMU, the accelerator, tools, memory and disk; every failing line names its remedy',
  builder: (yargs) =>
    yargs
      .option('out', { type: 'string', default: 'runs', describe: 'Where runs would be kept' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON object on stdout' })
      .example('$0 doctor', 'Check this host'),
  handler: async ({ out, json }) => {
    const report = await runDoctor({
      qemuBinary: qemuBinary(),
      cacheDir: cacheDirectory(),
      outDir: resolve(out),
    });
    process.stdout.write(
      json
        ? `${JSON.stringify(report)}\n`
        : `${formatDoctor(report, { color: wantsColor(process.stdout) })}\n`,
    );
    process.exitCode = report.status === 'fail' ? EXIT.harness : EXIT.expected;
  },
};
