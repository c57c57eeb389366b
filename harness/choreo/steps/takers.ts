import type { StepOf } from '../../trigger/choreography-steps.js';
import { findTakers } from '../find-takers.js';
import type { Vcpus } from '../vcpus.js';

/** Finds the calls in the kernel's text that take a lock. */
export async function takers(step: StepOf<'takers'>, { context }: Vcpus): Promise<string> {
  const found = await findTakers(step, context);
  context.fact(found);
  const { lock, takers: calls, more, bytes } = found;
  return `${calls.length + more} calls take ${lock}, in ${Math.round(bytes / 1024)} KiB of text`;
}
