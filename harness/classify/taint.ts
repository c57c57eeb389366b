import type { EventOf, RunEvent } from '../model/event.js';

/** Bits of the kernel's taint (include/linux/panic.h, v6.1): the kernel's own word, whatever its console shows. */
const BITS = [
  /** TAINT_DIE: there was an oops or a BUG. */
  ['oops-in-capture', 7],
  /** TAINT_WARN */
  ['warning-in-capture', 9],
] as const;

/** What the capture kernel's taint at its end says against it. */
export function taintDegradations(events: readonly RunEvent[]): [reason: string, event: RunEvent][] {
  const done = events.findLast((event): event is EventOf<'capture-done'> => event.type === 'capture-done');
  const taint = done?.taint ?? 0;
  return BITS.flatMap(([reason, bit]) =>
    done !== undefined && (taint & (1 << bit)) !== 0 ? [[reason, done] satisfies [string, RunEvent]] : [],
  );
}
