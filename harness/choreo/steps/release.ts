import type { StepOf } from '../../trigger/choreography-steps.js';
import type { Vcpus } from '../vcpus.js';

/** Lets all vCPUs run, or a role's vCPU with the others that are not held. */
export async function release(step: StepOf<'release'>, vcpus: Vcpus): Promise<string> {
  if (step === 'all') {
    await vcpus.releaseAll();
    return 'all vCPUs run';
  }
  vcpus.release(step);
  return `${step} will run`;
}
