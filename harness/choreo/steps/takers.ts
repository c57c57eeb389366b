import type { StepOf } from '../../trigger/choreography-steps.js';
import { findTakers } from '../find-takers.js';
import type { Vcpus } from '../vcpus.js';

/** Finds the calls in the kernel's text that take each of some locks. */
export async function takers(step: StepOf<'takers'>, { context }: Vcpus): Promise<string> {
  const found = await findTakers(step, context);
  for (const fact of found) context.fact(fact);
  const counts = found.map(({ lock, takers: calls, more }) => `${lock}: ${calls.length + more}`);
  return `calls that take ${counts.join(', ')}; ${Math.round((found[0]?.bytes ?? 0) / 1024)} KiB of text`;
}
