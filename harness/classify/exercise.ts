import type { EventOf, RunEvent } from '../model/event.js';
import type { Facts } from './facts.js';
import { first } from './phases.js';

/** What the capture init said of the device that it was asked to drive; undefined when it was not asked or said nothing. */
export function exerciseOf({ events, plan }: Facts): EventOf<'exercise'> | undefined {
  return plan.scenario.capture === undefined ? undefined : first(events, 'exercise');
}

/**
 * Why a capture is not clean although the crashed memory was read: the device was asked for and did not work. That
 * nothing was reported is not known to be the kernel's fault, but a capture kernel that was to drive a device and did
 * not come to say so is not a clean one either.
 */
export function exerciseDegradations(facts: Facts): [string, RunEvent][] {
  const { plan, verified } = facts;
  if (plan.scenario.capture === undefined || verified === undefined) return [];
  const event = exerciseOf(facts);
  if (event === undefined) return [['exercise-unreported', verified]];
  if (event.exercise.device === '') return [['device-missing', event]];
  return event.exercise.interrupts === 0 ? [['device-silent', event]] : [];
}
