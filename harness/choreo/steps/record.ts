import { inspectVcpu } from '../../autopsy/inspect-vcpu.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { type CodeLocation, findLocation } from '../code-location.js';
import { NotReached } from '../not-reached.js';
import { recordCalls } from '../record-calls.js';
import type { Vcpus } from '../vcpus.js';

/** A crash path of hundreds of stops, with the messages that it prints. */
const WITHIN_MS = 120_000;

/** Records where a role's vCPU, which runs alone, comes by on its way to a location. */
export async function record(step: StepOf<'record'>, vcpus: Vcpus): Promise<string> {
  const { context } = vcpus;
  const vcpu = vcpus.of(step.role);
  const places: CodeLocation[] = [];
  const missing: string[] = [];
  for (const location of step.at) {
    try {
      places.push(await findLocation(location, context));
    } catch (error) {
      if (!(error instanceof NotReached) || step.missing !== 'skip') throw error;
      missing.push(error.what);
    }
  }
  const stops = await recordCalls(vcpu, context, {
    places,
    missing,
    to: await findLocation(step.to, context),
    most: step.most,
    withinMs: vcpus.deadlineMs(step.withinMs ?? WITHIN_MS),
  });
  return `${stops} stops; ${await inspectVcpu(vcpu, context)}`;
}
