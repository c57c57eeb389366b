import type { Check } from './facts.js';
import { first, firstFact } from './phases.js';

/**
 * A run that ended at a guest that seemed to hang and was not examined: a recording of a crashpath that called a steady
 * shape of samples a hang. A run of today ends at a proof or at a deadline.
 */
export const suspicionCheck: Check = ({ events, panic, furthest }) => {
  const suspicion = events.findLast(({ type }) => type === 'suspected-hang');
  if (suspicion === undefined || first(events, 'hang') !== undefined) return undefined;
  const isEnded =
    firstFact(events, 'deadline') ?? firstFact(events, 'channel-limit') ?? first(events, 'panic-ended');
  if (isEnded !== undefined) return undefined;
  return {
    word: 'cannot-tell',
    detail: 'not-examined',
    explanation: 'the guest seemed to hang, and nobody examined whether it could go on',
    evidence: [panic, furthest, suspicion],
  };
};
