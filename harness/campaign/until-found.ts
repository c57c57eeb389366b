import { isCutOff, type RunResult } from '../model/result.js';
import { VERDICTS, type VerdictWord } from '../model/verdict.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Until } from '../plan/until.js';
import type { Found } from '../report/found.js';

type Seen = 'found' | 'other' | 'undecided';

interface Cell {
  readonly plan: RunPlan;
  /** By the number of the plan. */
  readonly seen: Map<number, { readonly seen: Seen; readonly runId: string }>;
  found: number;
}

/**
 * Counts, in each cell, the runs whose verdict is searched for, and says which runs are needless because a cell has
 * enough of them. A run under way is not needless: those that hang take longer than the others, and to leave them out
 * would make the rate smaller.
 */
export class FoundSoFar {
  readonly until: Until;
  readonly #cells = new Map<string, Cell>();
  readonly #places = new Map<string, { readonly cell: Cell; readonly number: number }>();

  constructor(plans: readonly RunPlan[], until: Until) {
    this.until = until;
    for (const [number, plan] of plans.entries()) {
      const key = keyOf(plan);
      const cell: Cell = this.#cells.get(key) ?? { plan, seen: new Map(), found: 0 };
      this.#cells.set(key, cell);
      this.#places.set(plan.runId, { cell, number });
    }
  }

  /** Counts a run that has ended; one that was cut off is no trial. */
  add({ runId, verdict, detail }: Pick<RunResult, 'runId' | 'verdict' | 'detail'>): void {
    const place = this.#placeOf(runId);
    if (place === undefined || isCutOff({ detail })) return;
    const { cell, number } = place;
    const seen = seenIn(verdict, this.until.verdicts);
    if (cell.seen.get(number)?.seen === 'found') cell.found -= 1;
    cell.seen.set(number, { seen, runId });
    if (seen === 'found') cell.found += 1;
  }

  /** Whether a run's cell has all that was to be found. */
  isNeedless({ runId }: Pick<RunPlan, 'runId'>): boolean {
    const place = this.#placeOf(runId);
    return place !== undefined && place.cell.found >= this.until.count;
  }

  /** Each cell, in the order of the plans. Runs that began later than the last occurrence are counted apart. */
  cells(): Found[] {
    return [...this.#cells.values()].map(({ plan, seen }) => {
      const order = [...seen].sort(([one], [other]) => one - other).map(([, run]) => run);
      const runs: string[] = [];
      let [trials, beyond, undecided] = [0, 0, 0];
      for (const run of order) {
        if (run.seen === 'undecided') undecided += 1;
        else if (runs.length >= this.until.count) beyond += 1;
        else {
          trials += 1;
          if (run.seen === 'found') runs.push(run.runId);
        }
      }
      const kernel = plan.cell?.kernel ?? plan.kernel.spec;
      const machine = plan.cell?.machine ?? plan.machine.name;
      const counts = { found: runs.length, trials, until: this.until.count, beyond, undecided };
      return { scenario: plan.scenario.name, kernel, machine, ...counts, runs };
    });
  }

  #placeOf(runId: string) {
    return this.#places.get(runId) ?? this.#places.get(runId.replace(/\.\d+$/, ''));
  }
}

function seenIn(verdict: VerdictWord, searched: readonly VerdictWord[]): Seen {
  if (searched.includes(verdict)) return 'found';
  return VERDICTS[verdict].otherwise === 'unexpected' ? 'other' : 'undecided';
}

function keyOf({ scenario, kernel, captureKernel, machine, cell, ...plan }: RunPlan): string {
  const { append, captureAppend, loadSyscall } = plan;
  const names = [scenario.name, cell?.kernel, cell?.machine, machine.name];
  return JSON.stringify([
    names,
    kernel.sha256,
    captureKernel.sha256,
    append,
    captureAppend,
    loadSyscall,
    machine,
  ]);
}
