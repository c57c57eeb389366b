import { usageFault } from '../model/fault.js';
import type { Limits } from '../model/limits.js';
import { needsOf } from '../trigger/triggers.js';
import type { Scenario } from './scenario.js';

/** The root file system of a distribution: the machine's only disk. */
export const ROOT_WORDS = ['root=/dev/vda', 'rw'] as const;

/**
 * systemd and some hundred programs start, and a dump is written by an initramfs and services of the distribution. Debian 12
 * under TCG, own time on a busy host: 180 s to its last service, as much from the panic to the end of the dump (measured).
 */
const FACTOR = 4;

/** The deadlines of a run of a distribution. */
export function distributionLimits(limits: Limits): Limits {
  const { bootMs, armMs, replyMs, crashPathMs, captureBootMs, captureReportMs, totalMs } = limits;
  const longer = { bootMs, armMs, replyMs, crashPathMs, captureBootMs, captureReportMs, totalMs };
  const scaled = Object.entries(longer).map(([name, ms]) => [name, ms * FACTOR]);
  return { ...limits, ...Object.fromEntries(scaled) };
}

/** Machines without PCI (QEMU 7.2): the disk is a PCI device. */
const WITHOUT_PCI = /^(type=)?(isapc|microvm)(,|$)/;

/**
 * Throws a usage fault for a scenario that needs crashpath's own images: a distribution loads its own modules and its own
 * crash kernel, and its capture kernel proves nothing but its dump.
 */
export function requireDistributable(scenario: Scenario, machineType: string): void {
  const why = obstacleOf(scenario, machineType);
  if (why === undefined) return;
  throw usageFault(
    `cannot run scenario "${scenario.name}" on a distribution: ${why}; leave out --distribution, or choose another scenario`,
  );
}

function obstacleOf({ guest, ...scenario }: Scenario, machineType: string): string | undefined {
  const capturing = (['captureAppend', 'captureCmdline', 'loadSyscall'] as const).find(
    (key) => guest[key] !== undefined,
  );
  if (scenario.crashKernel !== 'loaded')
    return 'it needs a guest without a crash kernel, and the kdump service loads one';
  if (capturing !== undefined) return `its ${capturing} is the kdump service's own choice there`;
  if (guest.modules !== undefined) return "its modules are in crashpath's own images only";
  if (guest.nic !== undefined || scenario.capture !== undefined)
    return "the network card's driver is in crashpath's own images only";
  if (guest.disk !== undefined) return "the disk's driver is in crashpath's own images only";
  if (scenario.beforeLoading.length > 0)
    return 'its beforeLoading comes too late: the kdump service loads the crash kernel when it starts';
  if (scenario.proveCapture.length > 0)
    return "its proveCapture is answered by crashpath's own capture image only";
  if (scenario.prepare.some((step) => 'flipCrashImage' in step))
    return 'its flipCrashImage needs the place of the crash image, which the kdump service does not report';
  if (needsOf(scenario.trigger).includes('ssh')) return "its ssh server is in crashpath's own images only";
  if (WITHOUT_PCI.test(machineType)) return `machine ${machineType} has no PCI for its disk`;
  return undefined;
}
