import type { EventOf } from '../model/event.js';
import type { CaptureProof } from '../plan/scenario.js';
import { escapeGuestText } from '../timeline/escape.js';
import { interruptsOf } from '../timeline/proc-interrupts.js';
import type { Check } from './facts.js';
import { first } from './phases.js';

/**
 * Was the capture kernel in the state that the scenario is about? Only it can tell, in its report. One that reports
 * something else makes the run void: it came up by another way than the one under test. One that is captured without
 * its report is void too. One that died before it could report has failed in what it was asked to do, and keeps its
 * verdict.
 */
export const captureProofCheck: Check = ({ events, plan, verified }) => {
  const { proveCapture } = plan.scenario;
  if (proveCapture.length === 0) return undefined;
  const facts = first(events, 'capture-facts');
  if (facts === undefined) {
    return verified === undefined
      ? undefined
      : {
          word: 'void',
          detail: 'state-not-proved',
          explanation: 'not proved: the capture kernel was captured but did not report its state',
          evidence: [verified],
        };
  }
  for (const proof of proveCapture) {
    const { what, saw, proved } = look(proof, facts);
    if (!proved) {
      return {
        word: 'void',
        detail: 'state-not-proved',
        explanation: `not proved: the capture kernel's ${what} (saw ${escapeGuestText(saw, 80)})`,
        evidence: [facts],
      };
    }
  }
  return undefined;
};

function look(
  proof: CaptureProof,
  { timers, interrupts }: EventOf<'capture-facts'>,
): { what: string; saw: string; proved: boolean } {
  if ('interrupts' in proof) {
    const { row, atLeast } = proof.interrupts;
    const sum = interruptsOf(row, interrupts);
    return {
      what: `/proc/interrupts ${row} is at least ${atLeast}`,
      saw: sum === undefined ? 'no such row' : String(sum),
      proved: sum !== undefined && sum >= atLeast,
    };
  }
  const [what, wanted, saw] =
    'clocksource' in proof
      ? ['clocksource', proof.clocksource, timers?.clocksource]
      : ['clock event device', proof.clockevent, timers?.clockevent];
  return {
    what: `${what} is ${wanted.join(' or ')}`,
    saw: saw === undefined || saw === '' ? 'none told' : saw,
    proved: saw !== undefined && wanted.includes(saw),
  };
}
