import { usageFault } from '../model/fault.js';
import { contradictionInHardware, contradictionInPlugging, hasPci } from './hardware.js';
import type { RunPlan } from './run-plan.js';

/**
 * Throws a usage fault for a run whose machine cannot have its parts, has no room for what the scenario's steps plug, or
 * needs files that its host does not have. Pure.
 */
export function requireHardware({ scenario, machine, host }: RunPlan): void {
  const { name, guest, beforeLoading, prepare } = scenario;
  const { disk } = guest;
  const refuse = (why: string) => usageFault(`cannot run scenario "${name}": ${why}`);
  const atOdds = contradictionInHardware(machine);
  if (atOdds !== undefined) throw refuse(`${atOdds}; change the machine profile or the option`);
  const short = contradictionInPlugging([...beforeLoading, ...prepare], machine);
  if (short !== undefined) throw refuse(short);
  if (disk !== undefined && !hasPci(machine.type))
    throw refuse(
      `machine ${machine.type} has no PCI for a disk of kind ${disk.kind}; choose another machine, or leave out guest.disk`,
    );
  const file =
    disk !== undefined
      ? 'a disk is'
      : machine.hardware?.firmware === 'uefi'
        ? 'UEFI variables are'
        : undefined;
  if (host !== undefined && file !== undefined)
    throw refuse(`host ${host} cannot run it: ${file} a file of this host; run it on this host`);
}
