import { verbOf } from '../trigger/choreography-steps.js';
import type { Check } from './facts.js';
import { factsOf } from './phases.js';

/**
 * Was the whole script carried out? A guest may pass by the place of a step, such as a function that is inlined there,
 * and be captured while the step waits. Then the state under test was not tested, and the run is void. A guest that died
 * meanwhile has failed without that state, and keeps its verdict.
 */
export const scriptCheck: Check = ({ events, plan, verified }) => {
  const { trigger } = plan.scenario;
  if (verified === undefined || trigger.kind !== 'choreography') return undefined;
  const last = factsOf(events, 'step').at(-1);
  const done = last?.fact.index ?? 0;
  const next = trigger.steps[done];
  if (next === undefined) return undefined;
  return {
    word: 'void',
    detail: 'state-not-proved',
    explanation: `not proved: the guest was captured before step ${done + 1} of ${trigger.steps.length} (${verbOf(next)}) was done`,
    evidence: [last, verified],
  };
};
