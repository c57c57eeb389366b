import { isCutOff, type RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { VERDICT_NAMES } from './summary.js';
import { verdictName } from './words.js';

/** The part of a result that is counted. */
export type CountedRun = Pick<
  RunResult,
  'scenario' | 'cell' | 'detail' | 'durationMs' | 'verdict' | 'quality'
>;

/**
 * Counts of a campaign's runs while they end. Adding one takes the same time after the first run as after the
 * ten-thousandth. A run that was cut off is not counted.
 */
export class RunCounts {
  /** All runs of the campaign, also those that ended before it was resumed. */
  readonly total: number;
  readonly #verdicts = new Map<string, number>();
  /** Runs of each cell of a campaign file that are to come. */
  readonly #left = new Map<string, number>();
  readonly #cells: number;
  #open: number;
  #ended = 0;
  #sumMs = 0;

  constructor(plans: readonly Pick<RunPlan, 'scenario' | 'cell'>[]) {
    this.total = plans.length;
    for (const { scenario, cell } of plans) {
      if (cell === undefined) continue;
      const key = keyOf(scenario.name, cell);
      this.#left.set(key, (this.#left.get(key) ?? 0) + 1);
    }
    this.#cells = this.#left.size;
    this.#open = this.#cells;
  }

  add(result: CountedRun): void {
    if (isCutOff(result)) return;
    this.#ended += 1;
    this.#sumMs += result.durationMs;
    const name = verdictName(result);
    this.#verdicts.set(name, (this.#verdicts.get(name) ?? 0) + 1);
    const key = result.cell === undefined ? '' : keyOf(result.scenario, result.cell);
    const left = this.#left.get(key);
    if (left === undefined) return;
    this.#left.set(key, left - 1);
    if (left === 1) this.#open -= 1;
  }

  /** Runs that have ended. */
  get ended(): number {
    return this.#ended;
  }

  /** Mean length of the runs that have ended, milliseconds; undefined before the first. */
  get meanMs(): number | undefined {
    return this.#ended === 0 ? undefined : this.#sumMs / this.#ended;
  }

  /** Verdict names with counts, best first. */
  get verdicts(): [name: string, count: number][] {
    return VERDICT_NAMES.flatMap((name): [string, number][] => {
      const count = this.#verdicts.get(name);
      return count === undefined ? [] : [[name, count]];
    });
  }

  /** Cells of the campaign file, and those of which all runs have ended. */
  get cells(): { readonly done: number; readonly total: number } {
    return { done: this.#cells - this.#open, total: this.#cells };
  }
}

/** The counts of these results. */
export function countsOf(
  plans: readonly Pick<RunPlan, 'scenario' | 'cell'>[],
  results: readonly CountedRun[],
): RunCounts {
  const counts = new RunCounts(plans);
  for (const result of results) counts.add(result);
  return counts;
}

function keyOf(scenario: string, { kernel, machine }: NonNullable<CountedRun['cell']>): string {
  return JSON.stringify([scenario, kernel, machine]);
}
