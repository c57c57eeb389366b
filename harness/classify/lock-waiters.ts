import type { RunEvent } from '../model/event.js';
import { waitsForPvLock } from '../model/pv-wait.js';
import { factsOf } from './phases.js';
import { stacksIn } from './stacks.js';

/** vCPUs that were halted in the wait for a paravirtual lock at the end of the run. */
export function lockWaiters(events: readonly RunEvent[]): readonly number[] {
  const stacks = stacksIn(events);
  return factsOf(events, 'last-place')
    .filter(({ fact }) => fact.halted && !fact.interruptsOn)
    .filter(({ fact }) => waitsForPvLock(stacks.of(fact.vcpu)))
    .map(({ fact }) => fact.vcpu);
}
