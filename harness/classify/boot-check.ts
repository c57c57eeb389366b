import { panicReason, starvedPanic } from './capture-panic-check.js';
import { hostBusyAt } from './host-busy.js';
import type { Check } from './facts.js';
import { unfinishedOf } from './unfinished-check.js';
import { first, firstFact, unprovedProofs } from './phases.js';

/** Did the first kernel boot at all? */
export const bootCheck: Check = (facts) => {
  const { events, hello } = facts;
  // Before the hello, the only unproved proof is a missing ability of the machine: that is no failed boot.
  if (hello !== undefined || unprovedProofs(events).length > 0) return undefined;
  const base = { word: 'boot-failed' } as const;
  const panic = first(events, 'panic');
  if (panic !== undefined) {
    const reason = panicReason(panic.message);
    const busy = reason === undefined ? undefined : hostBusyAt(facts, reason, panic);
    if (busy !== undefined) return starvedPanic('the first kernel', panic, busy);
    return {
      ...base,
      detail: 'panic-during-boot',
      explanation: 'the first kernel panicked before its init reported',
      evidence: [panic, first(events, 'shutdown')],
    };
  }
  const shutdown = first(events, 'shutdown');
  if (shutdown !== undefined) {
    return {
      ...base,
      detail: 'reset-during-boot',
      explanation: 'the guest reset or powered off before its init reported',
      evidence: [shutdown],
    };
  }
  const flood = firstFact(events, 'channel-limit');
  if (flood !== undefined) {
    return {
      ...base,
      detail: 'console-flood',
      explanation: `the guest printed more than ${flood.fact.limitBytes} bytes before its init reported`,
      evidence: [flood],
    };
  }
  const banner = first(events, 'kernel-banner');
  const unfinished = unfinishedOf(facts);
  if (unfinished !== undefined) {
    const starved = unfinished.detail === 'host-starved';
    return {
      word: 'cannot-tell',
      detail: starved ? 'host-starved' : 'still-booting',
      explanation: `the first kernel had no time to boot: ${unfinished.how}; ${starved ? 'run again with less beside it, or with' : 'give it more with'} --timeout-scale`,
      evidence: [banner, ...unfinished.evidence],
    };
  }
  return {
    ...base,
    detail: banner === undefined ? 'boot-silent' : 'boot-deadline',
    explanation:
      banner === undefined
        ? 'no kernel banner on the console and no report from init before the deadline'
        : 'the kernel started but its init did not report before the deadline',
    evidence: [banner, firstFact(events, 'deadline')],
  };
};
