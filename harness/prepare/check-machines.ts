import { type WantedMachine, rehearse } from '../machine/qemu/accel/rehearse.js';
import { cpuModels, machineTypes } from '../machine/qemu/accel/qemu-lists.js';
import { usageFault } from '../model/fault.js';
import { nearest } from '../model/nearest.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { PlannedHost } from './options.js';

/**
 * Does this QEMU have the machine type and the CPU model? `undefined` leaves QEMU's own, which is not checked.
 * Throws a usage fault with the nearest names when it has not.
 */
export async function requireKnownNames(
  { qemuBinary: binary, there: host }: PlannedHost,
  { machine, cpuModel }: { machine?: string | undefined; cpuModel?: string | undefined },
): Promise<void> {
  if (machine !== undefined) {
    const name = firstName(machine, 'type=');
    requireKnown('--machine', { given: machine, name, known: await machineTypes(binary, { host }) });
  }
  if (cpuModel !== undefined) {
    const name = firstName(cpuModel, '').replace(/-x86_64-cpu$/, '');
    requireKnown('--cpu-model', { given: cpuModel, name, known: await cpuModels(binary, { host }) });
  }
}

/**
 * Can this QEMU create the machines of these runs? The default machine is known to work; every other one, and every one
 * with a disk, is tried once. Throws a usage fault that quotes QEMU.
 */
export async function rehearseMachines(
  plans: readonly RunPlan[],
  { there: host }: PlannedHost,
): Promise<void> {
  const named = plans.filter(
    ({ machine, scenario }) => machine.name !== undefined || scenario.guest.disk !== undefined,
  );
  const distinct = new Map<string, { binary: string; machine: WantedMachine; scale: number }>();
  for (const { machine, scenario, accel, qemu, timeoutScale } of named) {
    const { type, cpuModel, cpus, memoryMiB, hardware } = machine;
    const { disk } = scenario.guest;
    distinct.set(JSON.stringify([type, cpuModel, cpus, memoryMiB, hardware, disk]), {
      binary: qemu.binary,
      machine: { accel: accel.accel, type, cpuModel, cpus, memoryMiB, hardware, disk },
      scale: timeoutScale,
    });
  }
  for (const { binary, machine, scale } of distinct.values())
    await rehearse(binary, machine, { host, scale });
}

function firstName(given: string, prefix: string): string {
  const [first = ''] = given.split(',', 1);
  return first.startsWith(prefix) ? first.slice(prefix.length) : first;
}

function requireKnown(
  option: string,
  { given, name, known }: { given: string; name: string; known: ReadonlySet<string> },
): void {
  if (known.has(name)) return;
  const near = nearest(name, known);
  const hint = near.length === 0 ? '' : `nearest: ${near.join(', ')}; `;
  const list = option === '--machine' ? '-machine help' : '-cpu help';
  throw usageFault(
    `cannot use ${option} "${given}": this QEMU knows no "${name}"; ${hint}see qemu-system-x86_64 ${list}`,
  );
}
