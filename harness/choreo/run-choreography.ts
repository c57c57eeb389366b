import { type Step, verbOf } from '../trigger/choreography-steps.js';
import type { ChoreographyContext } from './context.js';
import { doStep } from './do-step.js';
import { NotReached } from './not-reached.js';
import { Vcpus } from './vcpus.js';

/**
 * Runs a script on a stopped guest, step by step, and records each step with what was seen. Throws NotReached when a
 * step's state is not reached or a proof is not established: then the run shows nothing about the kernel. When it
 * returns, the vCPUs that are not held run; the others are its result.
 */
export async function runChoreography(
  steps: readonly Step[],
  context: ChoreographyContext,
): Promise<ReadonlySet<number>> {
  const vcpus = new Vcpus(context);
  for (const [position, step] of steps.entries()) {
    const index = position + 1;
    const startedMs = performance.now();
    let failure: unknown;
    const saw = await doStep(step, vcpus).catch((error: unknown) => {
      if (!(error instanceof NotReached)) throw error;
      failure = error;
      return error.saw;
    });
    const tookMs = Math.round(performance.now() - startedMs);
    context.fact({ fact: 'step', index, verb: verbOf(step), saw, tookMs });
    if (failure instanceof NotReached) {
      context.fact({ fact: 'proof', what: `step ${index}: ${failure.what}`, proved: false, saw });
      throw failure;
    }
  }
  await vcpus.continueNotHeld();
  return vcpus.held;
}
