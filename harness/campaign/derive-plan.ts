import type { RunPlan } from '../plan/run-plan.js';
import type { Scenario } from '../plan/scenario.js';
import { renamedPlan } from '../plan/make-plan.js';
import { contradictionOf } from '../trigger/triggers.js';

/**
 * The plan of another run on the same guest: everything is as in `template`, except the scenario and the identity of
 * the run. The template's QEMU must have what the scenario needs (the qtest channel). Throws an Error when the
 * scenario's steps contradict each other.
 */
export function derivePlan(
  template: RunPlan,
  { scenario, runId, nonce }: { scenario: Scenario; runId: string; nonce: string },
): RunPlan {
  const contradiction = contradictionOf(scenario.trigger, { ...scenario, cpus: template.machine.cpus });
  if (contradiction !== undefined) {
    throw new Error(`cannot derive the plan of scenario "${scenario.name}": ${contradiction.why}`);
  }
  return { ...renamedPlan(template, { runId, nonce }), scenario, trial: 1 };
}
