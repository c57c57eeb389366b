import type { RunCounts } from './run-counts.js';
import { countOf, roughly } from './words.js';

/**
 * `progress: 3 of 12 cells, 5 of 14 runs; about 4 min left`, with `jobs` guests at a time. The time left is the mean
 * length of the runs that ended, times the runs that did not, divided by the jobs; a run under way counts as a whole one.
 * It is left out before the first run has ended. Pure.
 */
export function progressLine({ cells, ended, total, meanMs }: RunCounts, jobs: number): string {
  const line = `progress: ${cells.done} of ${countOf(cells.total, 'cell')}, ${ended} of ${countOf(total, 'run')}`;
  const left = total - ended;
  if (meanMs === undefined || left <= 0) return line;
  return `${line}; about ${roughly((meanMs * left) / Math.min(jobs, left))} left`;
}
