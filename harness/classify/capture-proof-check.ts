import { proveCapture } from '../proof/proofs.js';
import { escapeGuestText } from '../model/escape.js';
import type { Check } from './facts.js';
import { first, firstFact } from './phases.js';

/**
 * Was the capture kernel in the state that the scenario is about? Only its own report shows that. A report of another
 * state makes the run void: the state under test was not tested. A capture without a report is void too. A capture
 * kernel that died before its report has failed, and keeps its verdict.
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
  const inits = firstFact(events, 'inits');
  const witness = { ...facts, inits: inits?.fact.vcpus };
  const unproved = proveCapture(asked, witness).find(({ proved }) => !proved);
  if (unproved === undefined) return undefined;
  const { what, saw } = unproved;
  return {
    word: 'void',
    detail: 'state-not-proved',
    explanation: `not proved: the capture kernel's ${what} (saw ${escapeGuestText(saw, 80)})`,
    evidence: inits === undefined ? [facts] : [facts, inits],
  };
};
