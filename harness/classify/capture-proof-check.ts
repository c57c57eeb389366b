import { proveCapture } from '../proof/proofs.js';
import { escapeGuestText } from '../model/escape.js';
import type { Check } from './facts.js';
import { first } from './phases.js';

/**
 * Was the capture kernel in the state that the scenario is about? Only it can tell, in its report. One that reports
 * something else makes the run void: it came up by another way than the one under test. One that is captured without
 * its report is void too. One that died before it could report has failed in what it was asked to do, and keeps its
 * verdict.
 */
export const captureProofCheck: Check = ({ events, plan, verified }) => {
  const { proveCapture: asked } = plan.scenario;
  if (asked.length === 0) return undefined;
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
  const unproved = proveCapture(asked, facts).find(({ proved }) => !proved);
  if (unproved === undefined) return undefined;
  const { what, saw } = unproved;
  return {
    word: 'void',
    detail: 'state-not-proved',
    explanation: `not proved: the capture kernel's ${what} (saw ${escapeGuestText(saw, 80)})`,
    evidence: [facts],
  };
};
