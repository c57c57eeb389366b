import type { RunEvent } from '../model/event.js';
import { waitsForPvLock } from '../model/pv-wait.js';
import { factsOf } from './phases.js';

/** vCPUs that were halted in the wait for a paravirtual lock at the end of the run. */
export function lockWaiters(events: readonly RunEvent[]): readonly number[] {
  const stacks = factsOf(events, 'stack');
  return factsOf(events, 'last-place')
    .filter(({ fact }) => fact.halted && !fact.interruptsOn)
    .filter(({ fact }) =>
      waitsForPvLock(stacks.findLast((stack) => stack.fact.vcpu === fact.vcpu)?.fact.functions ?? []),
    )
    .map(({ fact }) => fact.vcpu);
}
