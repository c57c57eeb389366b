import { inspectVcpu } from '../../autopsy/inspect-vcpu.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import type { Vcpus } from '../vcpus.js';

/** Sends an interrupt to a role's stopped vCPU: it is pending, and taken when the vCPU runs next. */
export async function interrupt(step: StepOf<'interrupt'>, vcpus: Vcpus): Promise<string> {
  const vcpu = vcpus.of(step.role);
  const apicId = await vcpus.context.interrupt(vcpu, step);
  const what = 'nmi' in step ? 'NMI' : `vector ${step.vector}`;
  return `${what} to APIC ${apicId}; ${await inspectVcpu(vcpu, vcpus.context)}`;
}
