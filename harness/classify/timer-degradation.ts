import type { EventOf } from '../model/event.js';
import type { Facts } from './facts.js';
import { hostBusyAt } from './host-busy.js';
import { first } from './phases.js';

/** arch/x86/kernel/apic/apic.c and tsc.c (v6.1): `lapic` and `lapic-deadline` are the local APIC's clock events. */
const LAPIC_TIMER = /^lapic(-deadline)?$/;
/** Options that disable the local APIC timer (Documentation/admin-guide/kernel-parameters.txt, v6.1). */
const ASKED = /(^|\s)(nolapic|nolapic_timer|noapictimer|disableapic|clearcpuid=\S*)(\s|$)/;

/** The capture kernel lost the local APIC timer that the crashed kernel used, and no option disabled it. */
export function lostLapicTimer({
  events,
  armed,
  captureUserspace,
}: Facts): EventOf<'capture-facts'> | undefined {
  const facts = first(events, 'capture-facts');
  const before = armed?.armed.timers?.clockevent;
  const after = facts?.timers?.clockevent;
  if (before === undefined || after === undefined || after === '') return undefined;
  if (!LAPIC_TIMER.test(before) || LAPIC_TIMER.test(after)) return undefined;
  return ASKED.test(captureUserspace?.commandLine ?? '') ? undefined : facts;
}

/**
 * Whether the first kernel printed the same before the crash: then the machine causes it, not the crash. A message that a
 * busy host may have caused shows nothing about the machine.
 */
export function saidBefore(facts: Facts, name: string): boolean {
  return facts.events.some(
    (event) =>
      event.type === 'signature' &&
      event.name === name &&
      event.side === 'production' &&
      hostBusyAt(facts, name, event) === undefined,
  );
}
