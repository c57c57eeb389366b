import type { EventOf, RunEvent } from '../model/event.js';
import type { Facts } from './facts.js';
import { first } from './phases.js';

/**
 * The capture init's report on the device that it was to drive; undefined when it was to drive none or did not report.
 */
export function exerciseOf({ events, plan }: Facts): EventOf<'exercise'> | undefined {
  return plan.scenario.capture === undefined ? undefined : first(events, 'exercise');
}

/**
 * Why a capture is not clean although the crashed memory was read: the device that it was to drive did not work. A
 * missing report may not be the kernel's fault, but such a capture is not clean either.
 */
export function exerciseDegradations(facts: Facts): [string, RunEvent][] {
  const { plan, verified } = facts;
  if (plan.scenario.capture === undefined || verified === undefined) return [];
  const event = exerciseOf(facts);
  if (event === undefined) return [['exercise-unreported', verified]];
  if (event.exercise.device === '') return [['device-missing', event]];
  return event.exercise.interrupts === 0 ? [['device-silent', event]] : [];
}
