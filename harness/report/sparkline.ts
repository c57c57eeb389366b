import type { Seen } from '../stats/fisher.js';

/** Longest sparkline, points. */
export const SPARK_POINTS = 24;

const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/**
 * Failure rates in the order of time, one character each; the latest 24, with `<` before them when there are more. With
 * blocks: the lowest is no failure, the full one nothing but failures, `·` no judged trial. In ASCII: `0` no failure, `1`
 * to `9` tenths, `X` nothing but failures, `.` no judged trial. A rate that is neither none nor all never looks like it.
 * Pure.
 */
export function sparkline(points: readonly Seen[], { unicode }: { readonly unicode: boolean }): string {
  const shown = points.slice(-SPARK_POINTS).map(unicode ? blockOf : digitOf);
  return `${points.length > SPARK_POINTS ? '<' : ''}${shown.join('')}`;
}

function blockOf({ failures, judged }: Seen): string {
  if (judged === 0) return '·';
  if (failures === 0) return BLOCKS[0] ?? '';
  if (failures === judged) return BLOCKS.at(-1) ?? '';
  return BLOCKS[stepOf(failures / judged, BLOCKS.length - 2)] ?? '';
}

function digitOf({ failures, judged }: Seen): string {
  if (judged === 0) return '.';
  if (failures === 0) return '0';
  return failures === judged ? 'X' : String(stepOf(failures / judged, 9));
}

/** 1 to `steps`. */
function stepOf(rate: number, steps: number): number {
  return Math.min(steps, Math.max(1, Math.round(rate * (steps + 1))));
}
