import type { Argv } from 'yargs';
import type { AccelRequest } from '../../machine/qemu/accel/choose-accelerator.js';
import type { WordsOf } from './command-words.js';
import { acceleratorOption, hostOption, jsonOption, OUT_OPTION } from './shared-options.js';

/** Options of `crashpath doctor`. */
export interface DoctorOptions {
  out: string;
  accel: AccelRequest;
  host: string[];
  json: boolean;
}

/** `crashpath doctor`: can this host run guests, and if not, what is missing. */
export const DOCTOR = {
  command: 'doctor',
  describe: 'Check QEMU, the accelerator, tools, memory and disk; every problem comes with its remedy',
  builder: (yargs: Argv) =>
    yargs
      .option('out', OUT_OPTION)
      .option('accel', acceleratorOption('The accelerator that runs are to use'))
      .option('host', hostOption('Check this host instead, as run --host names it; may be repeated'))
      .option('json', jsonOption('Print one JSON object'))
      .example('$0 doctor', 'Can this host run guests?')
      .example('$0 doctor --host local --json', 'The same for a program; --host names other hosts as well'),
} satisfies WordsOf<DoctorOptions>;
