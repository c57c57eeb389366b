import type { PastRates, PastRate } from '../report/page/sparkline.js';
import { cellOverNights, type FormerCell, type FormerNight, seeing } from './former-nights.js';

/** How the cells of a night went over the nights of its name, up to and with itself, oldest first. Pure. */
export function pastRates(former: readonly FormerNight[], night: FormerNight): PastRates[] {
  const { record } = night;
  const nights = seeing([...former.filter((one) => one.record.night < record.night), night], record.name);
  const began = new Map(nights.map((one) => [one.record.night, one.record.startedAt]));
  return record.cells.map(({ scenario, kernel, machine, source }) => ({
    scenario,
    kernel,
    machine,
    points: cellOverNights(nights, { scenario, machine, source })
      .map((cell) => pointOf(cell, began.get(cell.night) ?? cell.night))
      .toReversed(),
  }));
}

function pointOf({ night, cell: { tally }, kernel }: FormerCell, when: string): PastRate {
  return {
    name: night,
    when,
    kernel: kernel.release,
    failures: tally.hung + tally.other,
    trials: tally.captured + tally.hung + tally.other,
  };
}
