import type { Scenario } from './scenario.js';

/** What a scenario asks of a network card that it does not have: why, and the remedy; undefined when nothing. */
export function nicContradiction({ guest, sources, capture }: Scenario): string | undefined {
  const { nic } = guest;
  if (sources.some((source) => 'frames' in source) && nic?.net !== 'frames') {
    return 'its source "frames" needs a card to send to; give guest.nic with net: frames';
  }
  if (capture !== undefined && nic === undefined) {
    return 'its capture kernel is to exercise a network card and the guest has none; give guest.nic';
  }
  return undefined;
}
