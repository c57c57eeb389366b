import type { RunEvent } from '../model/event.js';
import { escapeGuestText } from '../timeline/escape.js';
import type { Check, Facts } from './facts.js';
import { first } from './phases.js';

/** A healthy kernel prints at most one of these in the capture boot (measured on stock 6.1); more is a scream. */
const SCREAMING_LINES = 3;

/** Did the capture kernel prove itself with this run's nonce out of the crashed kernel's memory? */
export const captureCheck: Check = (facts) => {
  const { verified, captureUserspace } = facts;
  if (verified === undefined) return undefined;
  const reasons = degradations(facts);
  const evidence = [captureUserspace, verified, ...reasons.map(([, event]) => event)];
  const degradedBy = reasons.map(([name]) => name);
  return degradedBy.length === 0
    ? {
        word: 'captured',
        detail: 'nonce-verified',
        explanation: "the capture kernel read this run's nonce out of the crashed kernel's memory",
        evidence,
        degradedBy,
      }
    : {
        word: 'captured',
        detail: 'nonce-verified-degraded',
        explanation: `the capture kernel read this run's nonce, but: ${degradedBy.join(', ')}`,
        evidence,
        degradedBy,
      };
};

/** The capture kernel came up as far as its userspace, but the crashed memory was not there or not this run's. */
export const vmcoreCheck: Check = ({ events, plan }) => {
  const missing = first(events, 'vmcore-missing');
  if (missing !== undefined) {
    return {
      word: 'capture-no-vmcore',
      detail: 'vmcore-missing',
      explanation: `the capture kernel's userspace found no vmcore: ${escapeGuestText(missing.why)}`,
      evidence: [missing],
    };
  }
  const other = first(events, 'vmcore');
  if (other === undefined) return undefined;
  const { vmcore } = other;
  const wrong = !vmcore.hasVmcoreinfo
    ? ['no-vmcoreinfo', 'the vmcore has no VMCOREINFO note']
    : vmcore.prstatusNotes === 0
      ? ['no-cpu-notes', 'the vmcore has no PRSTATUS note']
      : vmcore.crashedRelease !== plan.kernel.release
        ? [
            'wrong-release',
            `the vmcore is of ${escapeGuestText(vmcore.crashedRelease ?? 'an unknown kernel', 64)}`,
          ]
        : ['nonce-mismatch', "the vmcore does not hold this run's nonce"];
  return {
    word: 'capture-no-vmcore',
    detail: wrong[0] ?? '',
    explanation: wrong[1] ?? '',
    evidence: [other],
  };
};

function degradations({ events, plan, verified }: Facts): [string, RunEvent][] {
  const reasons: [string, RunEvent][] = [];
  if (verified !== undefined && verified.vmcore.prstatusNotes < plan.machine.cpus) {
    reasons.push(['missing-cpu-notes', verified]);
  }
  const screams = events.filter((event) => event.type === 'signature' && event.name === 'no-irq-handler');
  if (screams.length >= SCREAMING_LINES && screams[0] !== undefined) {
    reasons.push(['screaming-vector', screams[0]]);
  }
  for (const event of events) {
    if (event.type === 'signature' && event.degrades && !reasons.some(([name]) => name === event.name)) {
      reasons.push([event.name, event]);
    }
    if (
      event.type === 'oops' &&
      event.side === 'capture' &&
      !reasons.some(([name]) => name === 'oops-in-capture')
    ) {
      reasons.push(['oops-in-capture', event]);
    }
  }
  return reasons;
}
