import { type Aspect, degraded, HOLDS, open } from './aspect.js';
import type { Facts } from './facts.js';
import { reportMayBeLost } from './host-busy.js';
import { factsOf, first, firstFact } from './phases.js';
import { unfinishedOf } from './unfinished-check.js';

/**
 * Did the capture kernel come to its own end after the proof? It reports that it is done and powers the machine off; on a
 * machine without a power switch it halts all CPUs and says so (kernel/reboot.c, kernel_halt(), v6.1).
 */
export function captureEnd(facts: Facts): Aspect {
  const { events, verified } = facts;
  if (verified === undefined) return open('capture-end');
  const done = first(events, 'capture-done');
  const halted = first(events, 'signature', (event) => event.name === 'system-halted');
  const shutdown = first(events, 'shutdown');
  const hang = first(events, 'hang');
  if (done !== undefined && shutdown?.byGuest === true && shutdown.reason === 'guest-shutdown') return HOLDS;
  if (done !== undefined && halted !== undefined && hang?.shape === 'all-vcpus-halted') return HOLDS;
  // Named by its own reason.
  if (first(events, 'panic', (event) => event.side === 'capture') !== undefined) return HOLDS;
  const reset =
    first(events, 'reboot-command-line') ??
    (shutdown?.byGuest === true && shutdown.reason !== 'guest-shutdown' ? shutdown : undefined);
  if (reset !== undefined) return degraded('reset-after-proof', reset);
  if (hang !== undefined) {
    const proof = factsOf(events, 'examination').find(({ fact }) => fact.finding === 'hung');
    return degraded('hang-after-proof', proof ?? hang);
  }
  if (shutdown?.byGuest === true) {
    return reportMayBeLost(facts) === undefined
      ? degraded('unfinished-capture', shutdown)
      : open('capture-end');
  }
  // Without one, the host ended the run: QEMU or crashpath was killed, interrupted, or failed.
  const late = firstFact(events, 'deadline') ?? firstFact(events, 'channel-limit');
  return late === undefined || neededMoreTime(facts)
    ? open('capture-end')
    : degraded('unfinished-capture', late);
}

/**
 * Whether it was out of time while it still did something new, or the host gave it none. A loop or a sleep that can end
 * is no hang, and yet the capture kernel did not come to its end in the time that it had.
 */
function neededMoreTime(facts: Facts): boolean {
  const unfinished = unfinishedOf(facts);
  return (
    unfinished !== undefined &&
    (unfinished.detail === 'host-starved' || unfinished.evidence.some(({ type }) => type === 'progress'))
  );
}
