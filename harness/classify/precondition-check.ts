import type { RunEvent } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import { whyNotArmed } from './arming.js';
import type { Check, Facts, Finding } from './facts.js';
import { renamed } from './renamed.js';
import { type FactEvent, factsOf, first, firstFact, unprovedProofs } from './phases.js';

/** Was the requested state established when the guest was panicked? Without that, the run proves nothing. */
export const preconditionCheck: Check = (facts) => {
  const { events, plan, hello, armed, fired } = facts;
  const died = first(events, 'panic', (event) => fired === undefined || event.atMs < fired.atMs);
  if (hello !== undefined && hello.release !== plan.kernel.release) {
    return voidOf(
      'wrong-kernel',
      `the guest runs ${escapeGuestText(hello.release, 64)}, not ${plan.kernel.release}`,
      hello,
    );
  }
  if (hello !== undefined && hello.modulesFailed !== '') {
    return voidOf('module-failed', `modules did not load: ${escapeGuestText(hello.modulesFailed)}`, hello);
  }
  const [unproved] = unprovedProofs(events);
  // The claims of a machine profile are checked before the crash kernel is loaded.
  if (unproved !== undefined && armed === undefined) return notProved(unproved);
  if (plan.scenario.crashKernel === 'loaded' && armed?.armed.loaded !== true) {
    return whyNotArmed(facts) ?? voidOf('not-armed', 'the guest never reported a loaded crash kernel', died);
  }
  const unprepared = factsOf(events, 'prepared').find((event) => event.fact.status !== 0);
  if (unprepared !== undefined) {
    return voidOf(
      'preparation-failed',
      `preparation failed in the guest: ${unprepared.fact.what}: ${escapeGuestText(unprepared.fact.said ?? `exit status ${unprepared.fact.status}`)}`,
      unprepared,
    );
  }
  if (unproved !== undefined) return notProved(unproved);
  const reply = renamed(events);
  if (reply !== undefined && facts.verified === undefined) {
    return voidOf(
      'state-not-proved',
      "not proved: the guest's host name is the run's nonce, by which the capture kernel recognises its memory; leave the host name alone in prepare",
      reply,
    );
  }
  const failed = factsOf(events, 'source').find(({ fact }) => fact.state === 'failed');
  if (failed !== undefined && (facts.verified?.atMs ?? Number.POSITIVE_INFINITY) > failed.atMs) {
    return voidOf(
      'source-failed',
      `an interrupt source stopped working: ${failed.fact.source} (${failed.fact.why ?? 'no reason reported'})`,
      failed,
    );
  }
  if (fired === undefined) {
    return died === undefined
      ? neverFired(facts)
      : voidOf('panic-before-firing', 'the guest panicked before the trigger fired', died);
  }
  return undefined;
};

/** What the guest was doing when it stopped answering; a late guest is not a dead one. */
function neverFired({ events }: Facts): Finding {
  const deadline = firstFact(events, 'deadline');
  if (deadline !== undefined) {
    const { what, limitMs } = deadline.fact;
    return voidOf(
      'never-fired',
      `the guest did not answer within ${Math.round(limitMs / 1000)} s, before it was panicked: ${escapeGuestText(what)}; on a busy host give a bigger --timeout-scale`,
      deadline,
    );
  }
  return voidOf(
    'never-fired',
    'the guest ended before it was panicked',
    first(events, 'shutdown') ?? firstFact(events, 'channel-limit'),
  );
}

function notProved(unproved: FactEvent<'proof'>): Finding {
  return voidOf('state-not-proved', `not proved: ${unproved.fact.what} (saw ${unproved.fact.saw})`, unproved);
}

function voidOf(detail: string, explanation: string, ...evidence: (RunEvent | undefined)[]): Finding {
  return { word: 'void', detail, explanation, evidence };
}
