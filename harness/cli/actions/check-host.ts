import type { AccelRequest } from '../../machine/qemu/accel/choose-accelerator.js';
import { formatDoctor } from '../../doctor/format.js';
import type { DoctorReport } from '../../doctor/check.js';
import { worstStatus } from '../../doctor/check.js';
import { runDoctor } from '../../doctor/run-doctor.js';
import { checkThere } from '../../doctor/check-there.js';
import { sshHost } from '../../machine/qemu/hosts/ssh-host.js';
import { EXIT } from '../../model/fault.js';
import { LOCAL_HOST_NAME, parseHostAddress } from '../../ssh/address.js';
import { hostQemuBinary, qemuBinary, wantsColor } from '../context.js';
import { cacheDirectory, outDirectory } from '../directories.js';
import type { DoctorOptions } from '../words/doctor.js';

/** Checks this host, or those that are named, and prints the reports. Returns the exit code. */
export async function checkHost({ out, host, accel, json }: DoctorOptions): Promise<number> {
  const statuses: DoctorReport['status'][] = [];
  for (const name of host.length === 0 ? [LOCAL_HOST_NAME] : host) {
    const report = name === LOCAL_HOST_NAME ? await checkHere(out, accel) : await checkOne(name, accel);
    statuses.push(report.status);
    const text = formatDoctor(report, { color: wantsColor(process.stdout) });
    const title = host.length > 1 ? `${name}:\n` : '';
    process.stdout.write(
      json
        ? `${JSON.stringify(host.length === 0 ? report : { host: name, ...report })}\n`
        : `${title}${text}\n`,
    );
  }
  return worstStatus(statuses.map((status) => ({ status }))) === 'fail' ? EXIT.harness : EXIT.expected;
}

function checkHere(out: string, accel: AccelRequest): Promise<DoctorReport> {
  const [cacheDir, outDir] = [cacheDirectory(), outDirectory(out)];
  return runDoctor({ qemuBinary: qemuBinary(), cacheDir, outDir, accel });
}

async function checkOne(name: string, accel: AccelRequest): Promise<DoctorReport> {
  const host = sshHost(parseHostAddress(name));
  try {
    return await checkThere(host, { qemuBinary: hostQemuBinary(), cacheDir: cacheDirectory(), accel });
  } finally {
    host.close();
  }
}
