import type { RunEvent, Vmcore } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import { escapeGuestText } from '../model/escape.js';
import { interruptsOf } from '../timeline/proc-interrupts.js';
import { cpusNote, sparedBootCpu } from './capture-cpus.js';
import { exerciseDegradations, exerciseOf } from './exercise.js';
import type { Aspect } from './aspect.js';
import { captureEnd } from './capture-end.js';
import { memoryEvidence, memoryGone, wholeMemory } from './capture-memory.js';
import type { Check, Facts } from './facts.js';
import { partByHost } from './host-busy.js';
import { first } from './phases.js';
import { cpuNotes, stoppedCpus } from './stopped-cpus.js';
import { taintDegradations } from './taint.js';
import { lostLapicTimer, saidBefore } from './timer-degradation.js';

/**
 * A healthy kernel prints at most one of these in the capture boot (measured on stock 6.1); more are a screaming
 * vector.
 */
const SCREAMING_LINES = 3;

/** The UART that the capture init exercises (images/init/capture). */
const CONTROL_TTY = 'ttyS1';

/** What "clean" means (docs/verdicts.md); the capture kernel's own trouble comes on top. */
const CONDITIONS: readonly ((facts: Facts) => Aspect)[] = [
  stoppedCpus,
  cpuNotes,
  wholeMemory,
  captureEnd,
  sparedBootCpu,
];

/** Did the capture kernel read this run's nonce from the crashed kernel's memory, and all of that memory? */
export const captureCheck: Check = (facts) => {
  const { verified, captureUserspace } = facts;
  if (verified === undefined) return undefined;
  const gone = memoryGone(facts);
  if (gone !== undefined) return gone;
  const { standing, byHost, evidence: hostTimes } = partByHost(facts, degradations(facts));
  const aspects = CONDITIONS.map((condition) => condition(facts));
  const reasons = [...aspects.flatMap((aspect) => aspect.degradedBy), ...standing];
  const exercised = exerciseOf(facts);
  // The capture kernel's timers are evidence in any case, degraded or not.
  const report = first(facts.events, 'capture-facts');
  const cited = [...reasons, ...byHost].map(([, event]) => event);
  const evidence = [
    ...new Set([
      ...[captureUserspace, verified, report, exercised],
      ...memoryEvidence(facts),
      ...cited,
      ...hostTimes,
    ]),
  ];
  const degradedBy = [...new Set(reasons.map(([name]) => name))];
  const busy = byHost.map(([name]) => name);
  const undecided = [...aspects.flatMap((aspect) => aspect.undecided), ...busy];
  const notJudged = busy.length === 0 ? '' : `; not judged, because the host was busy: ${busy.join(', ')}`;
  const note = cpusNote(facts.plan, report);
  return degradedBy.length === 0
    ? {
        word: 'captured',
        detail: 'nonce-verified',
        explanation: `the capture kernel read this run's nonce out of the crashed kernel's memory${note}${notJudged}`,
        evidence,
        degradedBy,
        undecided,
      }
    : {
        word: 'captured',
        detail: 'nonce-verified-degraded',
        explanation: `the capture kernel read this run's nonce, but: ${degradedBy.join(', ')}${note}${notJudged}`,
        evidence,
        degradedBy,
        undecided,
      };
};

/** The capture kernel reached its userspace, but the crashed memory was missing or not this run's. */
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
  const [detail, explanation] = whatIsWrong(other.vmcore, plan);
  return { word: 'capture-no-vmcore', detail, explanation, evidence: [other] };
};

function whatIsWrong(vmcore: Vmcore, plan: RunPlan): [detail: string, explanation: string] {
  if (!vmcore.hasVmcoreinfo) return ['no-vmcoreinfo', 'the vmcore has no VMCOREINFO note'];
  if (vmcore.prstatusNotes === 0) return ['no-cpu-notes', 'the vmcore has no PRSTATUS note'];
  if (vmcore.crashedRelease !== plan.kernel.release) {
    const release = escapeGuestText(vmcore.crashedRelease ?? 'an unknown kernel', 64);
    return ['wrong-release', `the vmcore is of ${release}`];
  }
  if (vmcore.nodename === undefined) {
    return ['nonce-unreadable', "the crashed kernel's host name could not be read out of the vmcore"];
  }
  return ['nonce-mismatch', "the vmcore does not hold this run's nonce"];
}

function degradations(known: Facts): [string, RunEvent][] {
  const { events } = known;
  const reasons = exerciseDegradations(known);
  const reported = first(events, 'capture-facts');
  // The capture init has sent data through the UART's driver: a count of 0 means that its interrupts never came.
  if (reported !== undefined && interruptsOf(CONTROL_TTY, reported.interrupts) === 0) {
    reasons.push(['uart-interrupts-dead', reported]);
  }
  const screams = events.filter((event) => event.type === 'signature' && event.name === 'no-irq-handler');
  if (screams.length >= SCREAMING_LINES && screams[0] !== undefined) {
    reasons.push(['screaming-vector', screams[0]]);
  }
  for (const event of events) {
    if (event.type === 'signature' && event.degrades && !reasons.some(([name]) => name === event.name)) {
      if (!saidBefore(known, event.name)) reasons.push([event.name, event]);
    }
    if ((event.type === 'oops' || event.type === 'panic') && event.side === 'capture') {
      const reason = `${event.type}-in-capture`;
      if (!reasons.some(([name]) => name === reason)) reasons.push([reason, event]);
    }
  }
  for (const [name, event] of taintDegradations(events)) {
    if (!reasons.some(([already]) => already === name)) reasons.push([name, event]);
  }
  const slow = lostLapicTimer(known);
  if (slow !== undefined) reasons.push(['lapic-timer-lost', slow]);
  return reasons;
}
