import { rateInterval } from '../../stats/binomial.js';
import { percent } from '../../stats/conclusion.js';
import type { Seen } from '../../stats/fisher.js';
import { html, type Markup } from './html.js';

/** A rate of failures with its interval, all within 0 and 1. */
export interface Rate extends Seen {
  readonly rate: number;
  /** Two-sided 95 % Clopper-Pearson interval. */
  readonly interval: readonly [lower: number, upper: number];
}

/** The rate of what was seen; undefined when nothing was judged. */
export function rateOf({ failures, judged }: Seen): Rate | undefined {
  const interval = rateInterval(failures, judged);
  return interval === undefined ? undefined : { failures, judged, rate: failures / judged, interval };
}

/** `3 of 20 failed, 15 % (3.2 % to 38 %)`. */
export function rateSentence({ failures, judged, rate, interval: [lower, upper] }: Rate): string {
  return `${failures} of ${judged} failed, ${percent(rate)} (${percent(lower)} to ${percent(upper)})`;
}

/** Position on an axis of 100 units; two decimals keep the file small. */
export function unit(share: number): string {
  return String(Math.round(Math.min(1, Math.max(0, share)) * 10_000) / 100);
}

/** The interval as a bar on an axis from 0 to 100 %, with a tick at the rate. The text beside it has the numbers. */
export function intervalBar({ rate, interval: [lower, upper] }: Rate): Markup {
  const width = Math.max(0, upper - lower);
  return html`<svg class="interval" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true"><path class="axis" d="M0 1V11M0 6H100M100 1V11"/><rect class="span" x="${unit(lower)}" y="3.5" width="${unit(width)}" height="5"/><path class="tick" d="M${unit(rate)} 0V12"/></svg>`;
}
