import { inspectVcpu } from '../../autopsy/inspect-vcpu.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { findLocation } from '../code-location.js';
import { runTo } from '../run-to.js';
import type { Vcpus } from '../vcpus.js';

/** Lets all vCPUs that are not held run until one reaches the location; that one gets the role and is held. */
export async function hold(step: StepOf<'hold'>, vcpus: Vcpus): Promise<string> {
  const { context } = vcpus;
  const vcpu = await runTo(await findLocation(step.at, context), context, {
    running: vcpus.notHeld,
    wanted: vcpus.chosen(step.on),
    withinMs: vcpus.deadlineMs(step.withinMs),
  });
  vcpus.hold(step.as, vcpu);
  return inspectVcpu(vcpu, context);
}
