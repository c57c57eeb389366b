import { isCutOff, type RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { campaignTableOf, cellsOf } from './campaign-table.js';
import { countOf, roughly } from './words.js';

/** The state of a campaign file's runs while they are carried out. */
export interface Progress {
  /** All plans of the campaign, also those that ended before it was resumed. */
  readonly plans: readonly RunPlan[];
  /** All results so far. */
  readonly results: readonly RunResult[];
  /** Guests at a time. */
  readonly jobs: number;
}

/**
 * `progress: 3 of 12 cells, 5 of 14 runs; about 4 min left`. The time left is the mean length of the runs that ended,
 * times the runs that did not, divided by the jobs; a run under way counts as a whole one. It is left out before the
 * first run has ended. Pure.
 */
export function progressLine({ plans, results, jobs }: Progress): string {
  const table = campaignTableOf(plans, results);
  const cells = table === undefined ? [] : cellsOf(table);
  const done = cells.filter(({ cell }) => cell.results.length >= cell.planned).length;
  const ended = results.filter((result) => !isCutOff(result));
  const line = `progress: ${done} of ${countOf(cells.length, 'cell')}, ${ended.length} of ${countOf(plans.length, 'run')}`;
  const left = plans.length - ended.length;
  if (ended.length === 0 || left <= 0) return line;
  const meanMs = ended.reduce((sum, { durationMs }) => sum + durationMs, 0) / ended.length;
  return `${line}; about ${roughly((meanMs * left) / Math.min(jobs, left))} left`;
}
