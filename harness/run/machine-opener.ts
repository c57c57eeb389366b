import type { Machine, MachineLog, Origin } from '../machine/machine.js';
import type { RunPlan } from '../plan/run-plan.js';

/**
 * Starts the machine of a plan, which reports to `log` from its first byte. Throws a Fault when it cannot be started.
 */
export type MachineOpener = (
  plan: RunPlan,
  place: {
    readonly directory: string;
    readonly log: MachineLog;
    /** Absent: the guest boots. Only a machine on this host takes one. */
    readonly origin?: Origin | undefined;
  },
) => Promise<Machine>;
