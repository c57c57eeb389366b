import type { Scenario } from './scenario.js';

/** Why a scenario needs a network card or a disk that it lacks, with the remedy; undefined when it lacks none. */
export function nicContradiction({ guest, sources, capture }: Scenario): string | undefined {
  const { nic, disk } = guest;
  if (sources.some((source) => 'frames' in source) && nic?.net !== 'frames') {
    return 'its source "frames" needs a card to send to; give guest.nic with net: frames';
  }
  if (capture?.exercise === 'disk' && disk === undefined) {
    return 'its capture kernel is to exercise a disk and the guest has none; give guest.disk';
  }
  if (capture?.exercise === 'nic' && nic === undefined) {
    return 'its capture kernel is to exercise a network card and the guest has none; give guest.nic';
  }
  return undefined;
}
