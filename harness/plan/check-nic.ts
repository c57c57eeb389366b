import type { Scenario } from './scenario.js';

/** What a scenario asks of a network card that it does not have: why, and the remedy; undefined when nothing. */
export function nicContradiction({ guest, trigger, sources, capture }: Scenario): string | undefined {
  const { nic } = guest;
  if (trigger.kind === 'ssh' && nic?.net !== 'user') {
    return 'its trigger "ssh" needs a way into the guest; give guest.nic with net: user';
  }
  if (sources.some((source) => 'frames' in source) && nic?.net !== 'frames') {
    return 'its source "frames" needs a card to send to; give guest.nic with net: frames';
  }
  if (capture !== undefined && nic === undefined) {
    return 'its capture kernel is to exercise a network card and the guest has none; give guest.nic';
  }
  return undefined;
}
