import { readIdt } from '../../autopsy/idt.js';
import { inspectVcpu } from '../../autopsy/inspect-vcpu.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { findLocation } from '../code-location.js';
import type { ChoreographyContext } from '../context.js';
import { NotReached } from '../not-reached.js';
import { runAlone, runTo } from '../run-to.js';
import { stepOn } from '../stop-within.js';
import { stepOverCall } from '../step-over.js';
import type { Vcpus } from '../vcpus.js';

/** Lets one vCPU run alone: to a location, for a time, over a call, by single instructions; then it is held. */
export async function run(step: StepOf<'run'>, vcpus: Vcpus): Promise<string> {
  const { context } = vcpus;
  const vcpu = vcpuFor(step, vcpus);
  vcpus.hold(step.as, vcpu);
  if (step.to !== undefined) await runToLocation(vcpu, step, vcpus);
  else if (step.forMs !== undefined) await runAlone(vcpu, context, step.forMs);
  if (step.thenOver !== undefined) await stepOverCall(vcpu, context, vcpus.deadlineMs(step.withinMs));
  for (let count = 0; count < (step.thenStep ?? 0); count += 1) {
    const { reason } = await stepOn(vcpu, context, `step ${count + 1} instructions`);
    if (reason.kind !== 'trap')
      throw new NotReached(`step ${count + 1} instructions`, `the guest stopped: ${reason.kind}`);
  }
  return step.idt === undefined ? inspectVcpu(vcpu, context) : requireIdt(vcpu, context, step.idt);
}

/** The role's vCPU; a new role gets the one that `on` names, or the first that is neither held nor has a role. */
function vcpuFor(step: StepOf<'run'>, vcpus: Vcpus): number {
  const bound = vcpus.boundTo(step.as);
  if (bound !== undefined) return bound;
  const taken = vcpus.withRole;
  const vcpu = vcpus.chosen(step.on) ?? vcpus.notHeld.find((candidate) => !taken.has(candidate));
  if (vcpu !== undefined && !taken.has(vcpu)) return vcpu;
  throw new NotReached(`find a vCPU for role ${step.as}`, `roles have ${[...taken].join(', ')}`);
}

async function runToLocation(vcpu: number, step: StepOf<'run'>, vcpus: Vcpus): Promise<void> {
  if (step.to === undefined) return;
  // A location that does not exist is a mistake in the script; `orElse` is for one that is not reached.
  const location = await findLocation(step.to, vcpus.context);
  const withinMs = vcpus.deadlineMs(step.withinMs);
  try {
    await runTo(location, vcpus.context, { running: [vcpu], wanted: vcpu, withinMs });
  } catch (error) {
    // It may spin with interrupts off on a lock that a held vCPU has: then it is held where it is.
    if (!(error instanceof NotReached && step.orElse === 'stay')) throw error;
  }
}

async function requireIdt(vcpu: number, context: ChoreographyContext, wanted: string): Promise<string> {
  const idt = await readIdt(await context.vcpuRegisters(), vcpu, context.gdb);
  const has = idt === undefined ? 'unknown' : `${idt.base}/${idt.limit}`;
  const saw = `${await inspectVcpu(vcpu, context)} IDT=${has}`;
  if (has !== wanted) throw new NotReached(`find the IDT ${wanted} there`, saw);
  return saw;
}
