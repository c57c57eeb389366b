import type { Disk } from '../model/disk.js';
import type { Nic } from '../model/nic.js';
import { needsOf } from '../trigger/triggers.js';
import type { Hardware } from './hardware.js';
import type { Scenario } from './scenario.js';

/** The contents of a guest's machine: its command line depends on nothing else. Paths are absolute. */
export interface GuestSpec {
  readonly name: string;
  readonly accel: 'kvm' | 'tcg';
  readonly machine: string;
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly bzImage: string;
  readonly initrd: string;
  readonly append: string;
  readonly nic?: Nic | undefined;
  readonly disk?: Disk | undefined;
  readonly hardware?: Hardware | undefined;
  /** The UEFI firmware's code, which the machine has; absent: it has none. */
  readonly uefiCode?: string | undefined;
  /** The qtest channel, for interrupts from outside the guest; false unless the scenario needs it. */
  readonly qtest: boolean;
  /** The guest boots from the disk of a distribution; absent: from its initramfs alone. */
  readonly systemDisk?: boolean | undefined;
  /** A disk on which the capture kernel writes its dump; absent: none. */
  readonly vmcoreDisk?: boolean | undefined;
}

/** The disk of a run's distribution, in the run directory. */
export const SYSTEM_DISK = 'system.disk';

/** The name of a run's guest, the argument of `-name`. */
export function guestName(runId: string): string {
  return `crashpath-${runId}`;
}

/**
 * Whether a scenario sends interrupts from outside the guest, so that QEMU needs its qtest channel. Under KVM a
 * choreography does, to direct a vCPU that waits for a paravirtual lock.
 */
export function needsQtest({ trigger, sources }: Scenario, accel: 'kvm' | 'tcg' = 'tcg'): boolean {
  if (sources.some((source) => !('frames' in source))) return true;
  if (accel === 'kvm' && trigger.kind === 'choreography') return true;
  return needsOf(trigger).includes('interrupts');
}
