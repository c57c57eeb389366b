import type { RunEvent } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import type { Check, Facts, Finding } from './facts.js';
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
    return arming(facts) ?? voidOf('not-armed', 'the guest never reported a loaded crash kernel', died);
  }
  const unprepared = factsOf(events, 'prepared').find((event) => event.fact.status !== 0);
  if (unprepared !== undefined) {
    return voidOf(
      'preparation-failed',
      `preparation failed in the guest: ${unprepared.fact.what}`,
      unprepared,
    );
  }
  if (unproved !== undefined) return notProved(unproved);
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
      ? voidOf(
          'never-fired',
          'the guest stopped answering before it was panicked',
          firstFact(events, 'deadline') ?? first(events, 'shutdown') ?? firstFact(events, 'channel-limit'),
        )
      : voidOf('panic-before-firing', 'the guest panicked before the trigger fired', died);
  }
  return undefined;
};

function notProved(unproved: FactEvent<'proof'>): Finding {
  return voidOf('state-not-proved', `not proved: ${unproved.fact.what} (saw ${unproved.fact.saw})`, unproved);
}

function arming({ armed, events }: Facts): Finding | undefined {
  if (armed === undefined) {
    const deadline = firstFact(events, 'deadline');
    return deadline === undefined
      ? undefined
      : voidOf('arming-deadline', 'kexec -p did not end before its deadline', deadline);
  }
  if (armed.armed.crashSize === 0n) {
    return voidOf(
      'crashkernel-not-reserved',
      'the kernel reserved no memory for crashkernel=; give it more memory or a smaller reservation',
      armed,
    );
  }
  const said = escapeGuestText(armed.armed.errors.join(' | ')) || `exit status ${armed.armed.status}`;
  return voidOf('kexec-load-failed', `kexec -p could not load the crash kernel: ${said}`, armed);
}

function voidOf(detail: string, explanation: string, ...evidence: (RunEvent | undefined)[]): Finding {
  return { word: 'void', detail, explanation, evidence };
}
