import type { RunPlan } from '../plan/run-plan.js';
import type { Scenario } from '../plan/scenario.js';
import { contradictionIn } from '../plan/check-choreography.js';
import { renamedPlan } from '../plan/make-plan.js';

/**
 * The plan of another run on the same guest: everything is as in `template`, except what is asked of the guest and who
 * the run is. The template's QEMU must have what the scenario needs (the qtest channel). Throws an Error when the
 * scenario's steps contradict themselves.
 */
export function derivePlan(
  template: RunPlan,
  { scenario, runId, nonce }: { scenario: Scenario; runId: string; nonce: string },
): RunPlan {
  const { trigger } = scenario;
  const mistake =
    trigger.kind === 'choreography' ? contradictionIn(trigger.steps, template.machine.cpus) : undefined;
  if (mistake !== undefined) throw new Error(`scenario ${scenario.name} contradicts itself: ${mistake}`);
  return { ...renamedPlan(template, { runId, nonce }), scenario, trial: 1 };
}
