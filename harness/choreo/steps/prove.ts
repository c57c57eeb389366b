import { proveState } from '../../proof/proofs.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { NotReached } from '../not-reached.js';
import type { Vcpus } from '../vcpus.js';
import { stoppedWitness } from '../witness.js';

/** Proves a state of the stopped guest; another state makes the run void. */
export async function prove(step: StepOf<'prove'>, vcpus: Vcpus): Promise<string> {
  const { what, proved, saw } = await proveState(
    step,
    stoppedWitness(vcpus.context, (role) => vcpus.of(role)),
  );
  if (!proved) throw new NotReached(what, saw);
  vcpus.context.fact({ fact: 'proof', what, proved, saw });
  return saw;
}
