import { percent } from '../../stats/conclusion.js';
import { countOf, safeName } from '../words.js';
import { html, type Markup } from './html.js';
import { rateOf } from './rate.js';

/** What earlier nights or campaigns saw of a cell. Names may be anything. */
export interface PastRate {
  /** The night or the campaign. */
  readonly name: string;
  /** ISO 8601. */
  readonly when: string;
  /** The kernel that ran, as its release or build is called. */
  readonly kernel: string;
  readonly failures: number;
  /** Judged trials. */
  readonly trials: number;
}

/** The history of one cell: of the same scenario, kernel column and machine. */
export interface PastRates {
  readonly scenario: string;
  /** Name of the column. */
  readonly kernel: string;
  readonly machine?: string | undefined;
  /** Oldest first. */
  readonly points: readonly PastRate[];
}

/** Points that are drawn, the newest ones. */
const MOST_POINTS = 30;
const STEP = 8;
const HEIGHT = 40;

/**
 * Failure rates over time: for each night a vertical bar for the interval and a dot at the rate, 0 % at the bottom; a
 * notch below where the kernel is another one than in the night before. Nights without a judged trial have a gap.
 */
export function sparkline({ points }: PastRates): Markup | undefined {
  const drawn = points.slice(-MOST_POINTS);
  if (drawn.length === 0) return undefined;
  const y = (rate: number) => String(Math.round((HEIGHT - 6 - rate * (HEIGHT - 10)) * 10) / 10);
  const marks = drawn.map(({ name, kernel, failures, trials }, index) => {
    const rate = rateOf({ failures, judged: trials });
    const x = STEP / 2 + index * STEP;
    const changed = index > 0 && kernel !== drawn[index - 1]?.kernel;
    const notch = changed
      ? html`<path class="notch" d="M${x - STEP / 2} ${HEIGHT - 3}V${HEIGHT}"/>`
      : undefined;
    if (rate === undefined) return notch;
    const [lower, upper] = rate.interval;
    return html`<g><title>${safeName(name)}: ${failures} of ${trials} failed, ${safeName(kernel)}</title><path class="span" d="M${x} ${y(lower)}V${y(upper)}"/><circle class="${failures > 0 ? 'dot failed' : 'dot'}" cx="${x}" cy="${y(rate.rate)}" r="${failures > 0 ? '2.4' : '1.6'}"/></g>${notch}`;
  });
  const width = drawn.length * STEP;
  return html`<svg class="spark" width="${width}" height="${HEIGHT}" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${spoken(drawn)}">${marks}</svg>`;
}

function spoken(drawn: readonly PastRate[]): string {
  const told = [drawn[0], drawn.at(-1)].map((point) => {
    const rate = point === undefined ? undefined : rateOf({ failures: point.failures, judged: point.trials });
    return rate === undefined ? 'nothing judged' : percent(rate.rate);
  });
  return `failure rate over ${countOf(drawn.length, 'night')}: first ${told[0]}, last ${told[1]}`;
}
