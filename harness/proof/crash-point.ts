import type { Judged } from './proof.js';
import type { ConsoleWitness } from './witness.js';

/**
 * Proves from lkdtm's console lines that the requested crash point was hit. Scenarios do not ask for it: the trigger
 * implies it.
 */
export function judgeCrashPoint(
  { point, type }: { readonly point: string; readonly type: string },
  events: ConsoleWitness,
): Judged {
  const rounds = events.flatMap((event) =>
    event.type === 'lkdtm-hit' && event.point === point && event.crashType === type ? [event.roundsLeft] : [],
  );
  // The count restarts when it ends, so that another CPU may hit the point again while this one panics.
  const left = rounds.length === 0 ? undefined : Math.min(...rounds);
  return {
    what: `crash point ${point} of type ${type} was hit to the end of its count`,
    proved: left === 0,
    saw: left === undefined ? 'never hit' : `${rounds.length} times, down to ${left} rounds left`,
  };
}
