import { inspectVcpu, inspectVcpus } from '../../autopsy/inspect-vcpu.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { callArguments } from '../call-arguments.js';
import { directCall, directPanic } from '../directed-call.js';
import { runAlone } from '../run-to.js';
import type { Vcpus } from '../vcpus.js';

/** Makes a role's vCPU panic from where it is: directed, by a call, or because it is about to panic anyway. */
export async function fire(step: StepOf<'fire'>, vcpus: Vcpus): Promise<string> {
  const { context } = vcpus;
  const vcpu = vcpus.of(step.role);
  const where = await inspectVcpu(vcpu, context);
  await context.firing();
  if (step.call !== undefined) {
    const args = await callArguments(step.call, vcpus);
    const { words } = await directCall(vcpu, { function: step.call.function, args }, context);
    context.fact({ fact: 'fired', how: `directed call of ${words} by ${where}` });
  } else if (step.itself === true) {
    context.fact({ fact: 'fired', how: `${where}, which panics by itself` });
  } else {
    await directPanic(vcpu, context);
  }
  if (step.aloneMs > 0) await runAlone(vcpu, context, step.aloneMs);
  return inspectVcpus(context);
}
