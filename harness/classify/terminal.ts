import type { HostFact } from '../model/record.js';
import type { RunEvent } from '../model/event.js';

const FINAL_FACTS: ReadonlySet<HostFact['fact']> = new Set([
  'channel-limit',
  'qemu-exit',
  'interrupted',
  'harness-fault',
  'host-lost',
]);

/**
 * How long after an event the run ends, milliseconds, or undefined when it continues. The grace lets the last bytes
 * arrive: a panic report is longer than its first line, and a reset may follow it.
 */
export function endsRunAfterMs(event: RunEvent, { fired }: { fired: boolean }): number | undefined {
  if (event.type === 'shutdown') return 0;
  if (event.type === 'host') return FINAL_FACTS.has(event.fact.fact) ? 0 : undefined;
  if (event.type === 'hang' || event.type === 'reboot-command-line') return 500;
  // Anybody can print the end mark as well: a guest that was fired is asked first whether it lives on.
  if (event.type === 'panic-ended') return event.side === 'production' && fired ? undefined : 500;
  // After firing, a panic of the first kernel is what was requested.
  if (event.type === 'panic') return event.side === 'production' && fired ? undefined : 5_000;
  return undefined;
}
