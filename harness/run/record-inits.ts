import type { Guest } from './guest.js';

/**
 * Records which vCPUs a capture kernel with several CPUs, or one about whose INITs the scenario asks, has sent an INIT.
 * To be called at the run's end: it reads the machine's log of resets. Nothing is recorded where that does not tell.
 */
export async function recordInits({ machine, watch }: Guest, { asked }: { asked: boolean }): Promise<void> {
  const report = watch.events.find(({ type }) => type === 'capture-facts');
  if (report?.type !== 'capture-facts' || (!asked && (report.cpus ?? 1) < 2)) return;
  const vcpus = await machine.abilities.resetLog?.interrupted();
  if (vcpus !== undefined) watch.fact({ fact: 'inits', vcpus: [...vcpus] });
}
