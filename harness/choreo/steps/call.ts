import { boundedName } from '../../model/recorded-calls.js';
import { inspectVcpu } from '../../autopsy/inspect-vcpu.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { callArguments } from '../call-arguments.js';
import { directCall, restoreAfterCall } from '../directed-call.js';
import { NotReached } from '../not-reached.js';
import { runTo } from '../run-to.js';
import type { Vcpus } from '../vcpus.js';

/** Makes a role's vCPU call a kernel function; unless it never returns, the vCPU runs alone until it has. */
export async function call(step: StepOf<'call'>, vcpus: Vcpus): Promise<string> {
  const { context } = vcpus;
  const vcpu = vcpus.of(step.role);
  const args = await callArguments(step, vcpus);
  const prepared = await directCall(vcpu, { function: step.function, args }, context);
  if (step.returns === 'never') return `${prepared.words}: ${await inspectVcpu(vcpu, context)}`;
  const { rip, rsp } = prepared.before;
  const returned = { address: rip, name: `the return of ${prepared.target.name}` };
  await runTo(returned, context, {
    running: [vcpu],
    wanted: vcpu,
    withinMs: vcpus.deadlineMs(step.withinMs),
    // An interrupt may execute the same instruction before: only the call's own return has its stack pointer.
    accept: async () => (await context.gdb.readRegisters(vcpu)).rsp === rsp,
  });
  const { rax } = await context.gdb.readRegisters(vcpu);
  await restoreAfterCall(vcpu, prepared, context);
  context.fact({
    fact: 'called',
    function: prepared.target.name,
    args: args.map((value) => `0x${value.toString(16)}`),
    names: args.map((value) => boundedName(context.symbols.label(value))),
    vcpu,
    returned: `0x${rax.toString(16)}`,
  });
  const result = Number(BigInt.asIntN(32, rax));
  if (step.returns !== undefined && result !== step.returns)
    throw new NotReached(`${prepared.words} returns ${step.returns}`, `it returned ${result}`);
  return `${prepared.words} returned 0x${rax.toString(16)}; ${await inspectVcpu(vcpu, context)}`;
}
