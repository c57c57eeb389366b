import type { EventOf, RunEvent } from '../model/event.js';

/**
 * The guest's last reply before firing, when it tells that the host name is no longer the run's nonce: the capture kernel
 * could not recognise the crashed kernel's memory by it. Undefined when the host name is right, or not reported.
 */
export function renamed(events: readonly RunEvent[]): EventOf<'reply'> | undefined {
  const fired = events.findIndex(
    (event) => event.type === 'firing' || (event.type === 'host' && event.fact.fact === 'fired'),
  );
  const before = fired < 0 ? events : events.slice(0, fired);
  const reply = before.findLast((event) => event.type === 'reply');
  return reply?.named === false ? reply : undefined;
}
