import type { HostFact } from '../model/record.js';
import type { RunEvent } from '../model/event.js';

const FINAL_FACTS: ReadonlySet<HostFact['fact']> = new Set([
  'channel-limit',
  'qemu-exit',
  'interrupted',
  'harness-fault',
  'given-up',
  'host-lost',
]);

/** When a run ends because of an event. */
export interface Ending {
  /** How long after the event, milliseconds: the last bytes arrive, and a reset may follow. */
  readonly afterMs: number;
  /** Only when the guest does nothing new then: anybody can print the line of an end. */
  readonly unlessProgress: boolean;
}

/** What is known of the first kernel when an event comes. */
export interface EndingContext {
  /** Its init has reported. */
  readonly booted: boolean;
  readonly fired: boolean;
}

/** When the run ends after an event; undefined when it continues. */
export function endingOf(event: RunEvent, { booted, fired }: EndingContext): Ending | undefined {
  if (event.type === 'shutdown') return { afterMs: 0, unlessProgress: false };
  if (event.type === 'host') {
    return FINAL_FACTS.has(event.fact.fact) ? { afterMs: 0, unlessProgress: false } : undefined;
  }
  // A timer of its own may wake it, and its kernel prints then.
  if (event.type === 'suspended') return fired ? { afterMs: 5_000, unlessProgress: false } : undefined;
  if (event.type === 'hang') return { afterMs: 500, unlessProgress: false };
  // Between its init's report and firing a guest is asked all the time, and each question has its deadline.
  const asked = booted && !fired;
  if (event.type === 'reboot-command-line')
    return asked ? undefined : { afterMs: 500, unlessProgress: false };
  if (event.type !== 'panic' && event.type !== 'panic-ended') return undefined;
  // After firing, a panic of the first kernel is what was requested, and the guest is asked whether it lives on.
  if (event.side === 'production' && (asked || fired)) return undefined;
  return { afterMs: 5_000, unlessProgress: true };
}
