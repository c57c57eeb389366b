import { type StartOfRun, templateOf } from '../model/start.js';
import type { RunPlan } from '../plan/run-plan.js';

/** What differs between the sender's run and a try on this host. */
export interface HostDifference {
  readonly what: string;
  readonly there: string;
  readonly here: string;
}

/** What is known of both hosts beside the plans. */
export interface HostsKnown {
  /** Versions of crashpath. */
  readonly crashpath: { readonly there: string; readonly here: string };
  /** CPUs that this process may use. */
  readonly cpusHere: number;
  /** Keys of the first kernel's images; undefined where none was kept. */
  readonly imageKeys: { readonly there: string | undefined; readonly here: string | undefined };
  /** How the sender's run began; a try boots. */
  readonly startThere: StartOfRun | undefined;
}

/** How this host differs from the sender's, as far as it matters for the guest. Pure. */
export function hostDifferences(there: RunPlan, here: RunPlan, known: HostsKnown): HostDifference[] {
  const { imageKeys, cpusHere, crashpath, startThere } = known;
  const { cpus } = here.machine;
  const compared: HostDifference[] = [
    { what: 'QEMU', there: there.qemu.version, here: here.qemu.version },
    { what: 'accelerator', there: accelOf(there), here: accelOf(here) },
    { what: 'CPU model', there: there.machine.cpuModel, here: here.machine.cpuModel },
    { what: 'images', there: imageKeys.there ?? 'not known', here: imageKeys.here ?? 'not known' },
    { what: '--timeout-scale', there: String(there.timeoutScale), here: String(here.timeoutScale) },
    { what: 'disk for a dump', there: diskOf(there), here: diskOf(here) },
    {
      what: 'start',
      there: templateOf({ clone: startThere }) === undefined ? 'a boot' : 'a clone of a booted guest',
      here: 'a boot',
    },
    { what: 'crashpath', ...crashpath },
  ];
  const differing = compared.filter((one) => one.there !== one.here);
  // How many CPUs the sender's host has is not in the bundle.
  return cpusHere >= cpus
    ? differing
    : [...differing, { what: 'CPUs', there: `${cpus} vCPUs`, here: `${cpusHere} CPUs for ${cpus} vCPUs` }];
}

function diskOf({ keepVmcore }: RunPlan): string {
  return keepVmcore?.diskMiB === undefined ? 'none' : `${keepVmcore.diskMiB} MiB`;
}

function accelOf({ accel }: RunPlan): string {
  return accel.unproved === undefined ? accel.accel : `${accel.accel}, not proved`;
}
