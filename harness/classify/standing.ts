import type { EventType, RunEvent } from '../model/event.js';
import { ANSWERS } from '../timeline/control.js';

/** Ends of a kernel, as lines of a console tell them: anybody can print such a line. */
const ENDS: ReadonlySet<EventType> = new Set([
  'panic',
  'panic-ended',
  'reboot-announced',
  'reboot-command-line',
  'capture-command-line',
]);

/**
 * The events that count. A guest that still answered after a line of its console did not end with that line, and no
 * other kernel had printed it: it was a quotation, as of the log of an earlier crash (pstore). The last answer before
 * firing refutes what the console told until then. An answer to a question that was asked after a panic's first line
 * refutes a capture kernel that only the console tells of; the panic itself stays, because another CPU may be stuck in
 * it. A capture kernel that reports its end and powers off afterwards did not panic before: a panic ends in a loop or in
 * a reset.
 */
export function standingEvents(events: readonly RunEvent[]): readonly RunEvent[] {
  const refuted = refutedEvents(events);
  return refuted.size === 0 ? events : events.filter((event) => !refuted.has(event));
}

/** The events that a later answer refutes; see {@link standingEvents}. */
export function refutedEvents(events: readonly RunEvent[]): ReadonlySet<RunEvent> {
  const fired = events.findIndex((event) => event.type === 'firing' || isFact(event, 'fired'));
  const beforeFiring = fired < 0 ? events : events.slice(0, fired);
  const answered = beforeFiring.findLastIndex(({ type }) => ANSWERS.has(type));
  const refuted = new Set(beforeFiring.slice(0, Math.max(0, answered)).filter(isQuotation));
  for (const event of events.slice(0, cameToItsEnd(events))) {
    if ((event.type === 'panic' || event.type === 'panic-ended') && event.side === 'capture')
      refuted.add(event);
  }
  const panicked = events.findIndex((event) => event.type === 'panic' && !refuted.has(event));
  const livesOn = events.findIndex(
    (event, index) =>
      isFact(event, 'watch-ended') &&
      event.fact.answered &&
      (event.fact.afterPanic === true || panicked < 0 || index < panicked),
  );
  const captureRuns = events
    .slice(0, Math.max(0, livesOn))
    .some(({ type }) => type === 'jumped' || type === 'capture-hello');
  if (livesOn < 0 || captureRuns) return refuted;
  for (const event of events.slice(0, livesOn)) {
    if (isQuotation(event) && !(event.type === 'panic' && event.side === 'production')) refuted.add(event);
  }
  return refuted;
}

/** Where a capture kernel reports its end that powers off then; 0 without. */
function cameToItsEnd(events: readonly RunEvent[]): number {
  const poweredOff = events.some(
    (event) => event.type === 'shutdown' && event.byGuest && event.reason === 'guest-shutdown',
  );
  return poweredOff
    ? Math.max(
        0,
        events.findIndex(({ type }) => type === 'capture-done'),
      )
    : 0;
}

/** A line of the console that tells an end, or that another kernel than the first one printed it. */
function isQuotation(event: RunEvent): boolean {
  if (event.type === 'host' || event.at.source !== 'console') return false;
  return ENDS.has(event.type) || ('side' in event && event.side !== 'production');
}

type HostEvent = Extract<RunEvent, { type: 'host' }>;

function isFact<F extends HostEvent['fact']['fact']>(
  event: RunEvent,
  fact: F,
): event is HostEvent & { readonly fact: Extract<HostEvent['fact'], { fact: F }> } {
  return event.type === 'host' && event.fact.fact === fact;
}
