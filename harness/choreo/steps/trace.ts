import { inspectVcpu } from '../../autopsy/inspect-vcpu.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { traceInstructions } from '../trace.js';
import type { Vcpus } from '../vcpus.js';

/** A trace lasts from the panic to the capture kernel's start: seconds of stepping, and the whole decompression. */
const WITHIN_MS = 240_000;

/** Records the instruction trace of a role's vCPU, which runs alone. */
export async function trace(step: StepOf<'trace'>, vcpus: Vcpus): Promise<string> {
  const vcpu = vcpus.of(step.role);
  const count = await traceInstructions(vcpu, vcpus.context, {
    into: new Set(step.into),
    from: new Set(step.from.map(BigInt)),
    most: step.most,
    withinMs: vcpus.deadlineMs(step.withinMs ?? WITHIN_MS),
  });
  return `${count} instructions; ${await inspectVcpu(vcpu, vcpus.context)}`;
}
