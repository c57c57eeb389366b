import type { RunEvent } from '../model/event.js';
import type { OpenCondition } from '../model/verdict.js';

/** What a capture shows of one condition of "clean": reasons against it with what shows them, and what stays open. */
export interface Aspect {
  readonly degradedBy: readonly (readonly [reason: string, shownBy: RunEvent])[];
  readonly undecided: readonly string[];
}

/** The condition holds. */
export const HOLDS: Aspect = { degradedBy: [], undecided: [] };

/** The condition does not hold. */
export function degraded(reason: string, shownBy: RunEvent): Aspect {
  return { degradedBy: [[reason, shownBy]], undecided: [] };
}

/** The run does not show whether the condition holds. */
export function open(aspect: OpenCondition): Aspect {
  return { degradedBy: [], undecided: [aspect] };
}
