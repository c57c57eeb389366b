import type { AccelRequest } from '../machine/qemu/accel/choose-accelerator.js';
import { type HostFacts, NEEDED_PROGRAMS, USEFUL_PROGRAMS } from '../machine/qemu/hosts/host-facts.js';
import type { SshHost } from '../machine/qemu/hosts/ssh-host.js';
import { Fault } from '../model/fault.js';
import { FORWARDING_REMEDY } from '../ssh/connection.js';
import { HostLost } from '../ssh/host-lost.js';
import { type DoctorCheck, type DoctorReport, worstStatus } from './check.js';
import { judgeDisk, judgeMemory } from './host-checks.js';
import { checkAccelerator, checkDevices, checkMachines, checkQemuVersion } from './qemu-checks.js';

const MIB = 1024 * 1024;

/**
 * Checks everything that crashpath needs of a host over ssh. A check that finds a problem is a result, never an error;
 * a host that cannot be reached is the only check then.
 */
export async function checkThere(
  host: SshHost,
  {
    qemuBinary,
    cacheDir,
    accel,
  }: { readonly qemuBinary: string; readonly cacheDir: string; readonly accel: AccelRequest },
): Promise<DoctorReport> {
  let facts: HostFacts;
  let fingerprint: string;
  try {
    fingerprint = await host.fingerprint();
    facts = await host.facts();
  } catch (error) {
    const checks = [failed('ssh', error)];
    return { status: worstStatus(checks), checks };
  }
  const ssh: DoctorCheck = {
    name: 'ssh',
    status: 'ok',
    found: `${host.name}, host key ${fingerprint}, known`,
  };
  const system: DoctorCheck = {
    name: 'system',
    status: 'ok',
    found: `${facts.kernel}, ${facts.cpus} CPUs, boot ${facts.bootId ?? 'unknown'}`,
  };
  const qemu = { qemuBinary, host };
  const checks: DoctorCheck[] = [
    ssh,
    system,
    ...programChecks(facts),
    await checkQemuVersion(qemu),
    ...(await startChecks(host, qemuBinary)),
    await checkDevices(qemu),
    await checkMachines(qemu),
    // After the others, because it measures times.
    await checkAccelerator(accel, { ...qemu, cacheDir }),
    judgeMemory(facts.memoryMib, 1),
    diskCheck(facts),
  ];
  return { status: worstStatus(checks), checks };
}

/** QEMU starts there as a run starts it, and whether the ssh server forwards Unix sockets. */
async function startChecks(host: SshHost, qemuBinary: string): Promise<DoctorCheck[]> {
  try {
    const { forwards } = await host.tryQemu(qemuBinary);
    const starts: DoctorCheck = {
      name: 'supervisor',
      status: 'ok',
      found: 'QEMU starts, and its monitor answers',
    };
    const sockets = 'Unix sockets';
    if (forwards) return [starts, { name: sockets, status: 'ok', found: 'the ssh server forwards them' }];
    const found =
      'the ssh server does not forward them both ways, used by clones and by scenarios with raw frames';
    return [starts, { name: sockets, status: 'warn', found, remedy: FORWARDING_REMEDY }];
  } catch (error) {
    return [failed('supervisor', error)];
  }
}

/** Programs that runs use there; those that every run needs were found already. */
function programChecks({ programs }: HostFacts): DoctorCheck[] {
  const needed = NEEDED_PROGRAMS.map(({ name }) => name).join(', ');
  const present: DoctorCheck = { name: 'programs', status: 'ok', found: `sh, ${needed}` };
  const missing = USEFUL_PROGRAMS.filter(({ name }) => !programs.has(name));
  return [
    present,
    ...missing.map(
      ({ name, neededFor, debianPackage }): DoctorCheck => ({
        name,
        status: 'warn',
        found: `not found, used for ${neededFor}`,
        remedy: `install ${debianPackage} there`,
      }),
    ),
  ];
}

function diskCheck({ diskMib, cache }: HostFacts): DoctorCheck {
  if (diskMib !== undefined) return judgeDisk('disk', cache, diskMib * MIB);
  return {
    name: 'disk',
    status: 'warn',
    found: `the free space of ${cache} is unknown`,
    remedy: 'make sure that there is room for kernels, images and a piece of memory (300 MiB)',
  };
}

/** A failure as a check: what was found, then the remedy, as the message has them. */
function failed(name: string, error: unknown): DoctorCheck {
  if (!(error instanceof Fault)) throw error;
  // Its message refers to the doctor.
  if (error instanceof HostLost) {
    const remedy = 'let ssh and what docs/hosts.md asks of a host work first';
    return { name, status: 'fail', found: `cannot use host "${error.host}": ${error.why}`, remedy };
  }
  const at = error.message.lastIndexOf('; ');
  const [found, remedy] =
    at < 0 ? [error.message, 'see docs/hosts.md'] : [error.message.slice(0, at), error.message.slice(at + 2)];
  return { name, status: 'fail', found, remedy };
}
