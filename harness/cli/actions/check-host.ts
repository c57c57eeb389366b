import { formatDoctor } from '../../doctor/format.js';
import { runDoctor } from '../../doctor/run-doctor.js';
import { EXIT } from '../../model/fault.js';
import { qemuBinary, wantsColor } from '../context.js';
import { cacheDirectory, outDirectory } from '../directories.js';
import type { DoctorOptions } from '../words/doctor.js';

/** Checks this host and prints the report. Returns the exit code. */
export async function checkHost({ out, accel, json }: DoctorOptions): Promise<number> {
  const report = await runDoctor({
    qemuBinary: qemuBinary(),
    cacheDir: cacheDirectory(),
    outDir: outDirectory(out),
    accel,
  });
  process.stdout.write(
    json ? `${JSON.stringify(report)}\n` : `${formatDoctor(report, { color: wantsColor(process.stdout) })}\n`,
  );
  return report.status === 'fail' ? EXIT.harness : EXIT.expected;
}
