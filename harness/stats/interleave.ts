import { usageFault } from '../model/fault.js';
import type { RunResult } from '../model/result.js';
import type { Design, Trial } from './comparison.js';

/** The part of a run plan that decides the order of runs. */
export interface PlannedRun {
  readonly runId: string;
  readonly trial: number;
  readonly scenario: { readonly name: string };
  readonly kernel: { readonly spec: string };
}

/**
 * Plans in the order A B C A B C ...: round by round, in each round scenario by scenario, in each scenario the kernels
 * in the order in which the plans name them. A drift of the host during the runs affects all kernels alike.
 */
export function interleave<P extends PlannedRun>(plans: readonly P[]): P[] {
  const order = scenariosOf(plans);
  return plans.toSorted(
    (a, b) => a.trial - b.trial || order.indexOf(a.scenario.name) - order.indexOf(b.scenario.name),
  );
}

/** The kernel of each run. */
export interface Arms {
  readonly design: Pick<Design, 'scenarios' | 'kernels'>;
  /** Trials of each kernel in each scenario. */
  readonly rounds: number;
  /** Index of a planned run's kernel, by the run's name. */
  readonly kernelOf: ReadonlyMap<string, number>;
}

/**
 * Identifies the compared kernels by position: the i-th run of a scenario in a round is that of kernel i. (Two kernels
 * may share a release string, and a kernel may be compared with itself.) Throws a usage fault when the plans are not of
 * this form: another number of runs in some round, or fewer than two.
 */
export function armsOf(plans: readonly PlannedRun[], campaign: string): Arms {
  const cells = new Map<string, PlannedRun[]>();
  for (const plan of plans) {
    const key = JSON.stringify([plan.scenario.name, plan.trial]);
    cells.set(key, [...(cells.get(key) ?? []), plan]);
  }
  const [first = []] = cells.values();
  const [baseline, candidate, ...others] = first.map(({ kernel }) => kernel.spec);
  const even = [...cells.values()].every((cell) => cell.length === first.length);
  if (baseline === undefined || candidate === undefined || !even) {
    throw usageFault(
      `cannot compare the kernels of "${campaign}": it does not run two or more kernels equally often; name a campaign of crashpath compare`,
    );
  }
  const kernelOf = new Map(
    [...cells.values()].flatMap((cell) => cell.map(({ runId }, index) => [runId, index])),
  );
  return {
    design: { scenarios: scenariosOf(plans), kernels: [baseline, candidate, ...others] },
    rounds: Math.max(...plans.map(({ trial }) => trial)),
    kernelOf,
  };
}

/** The fields of a result that count. */
type JudgedRun = Pick<RunResult, 'runId' | 'scenario' | 'trial' | 'verdict'>;

/**
 * Results as trials. A repeated run (`<run>.2`) counts for the original; the result of an unplanned run is left out.
 */
export function trialsOf(results: readonly JudgedRun[], { kernelOf }: Arms): Trial[] {
  return results.flatMap(({ runId, scenario, trial, verdict }): Trial[] => {
    const kernel = kernelOf.get(runId) ?? kernelOf.get(runId.replace(/\.\d+$/, ''));
    return kernel === undefined ? [] : [{ scenario, kernel, round: trial, verdict }];
  });
}

function scenariosOf(plans: readonly PlannedRun[]): string[] {
  return [...new Set(plans.map(({ scenario }) => scenario.name))];
}
