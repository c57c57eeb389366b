import type { StepOf } from '../../model/choreography.js';
import { NotReached } from '../not-reached.js';
import { checkState } from '../state-proof.js';
import type { Vcpus } from '../vcpus.js';

/** Proves a state of the stopped guest; a state that is another one makes the run void. */
export async function prove(step: StepOf<'prove'>, vcpus: Vcpus): Promise<string> {
  const { what, proved, saw } = await checkState(step, vcpus.context, (role) => vcpus.of(role));
  if (!proved) throw new NotReached(what, saw);
  vcpus.context.fact({ fact: 'proof', what, proved, saw });
  return saw;
}
