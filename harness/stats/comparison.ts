import type { VerdictWord } from '../model/verdict.js';
import { conclude, type Contrast, missedWithoutFailures, type Relation } from './conclusion.js';
import { holm, overLooks, SIGNIFICANCE } from './corrections.js';
import { fisherExact } from './fisher.js';
import { seenOf, sumOf, type Tally, tallyOf } from './tally.js';

/** One trial that has ended. */
export interface Trial {
  readonly scenario: string;
  /** Index of its kernel in {@link Design.kernels}. */
  readonly kernel: number;
  /** Which round of interleaved trials it belongs to, from 1. */
  readonly round: number;
  readonly verdict: VerdictWord;
}

/** What was planned; fixed before the first trial. */
export interface Design {
  /** Names of the scenarios. */
  readonly scenarios: readonly string[];
  /** Names of the kernels as the user gave them. */
  readonly kernels: readonly [baseline: string, candidate: string, ...others: string[]];
  /** Rounds after which the data are evaluated (looks); the last is that of all trials. */
  readonly looks: readonly number[];
}

/** A kernel's counts under the name that the user gave it. */
export interface KernelTally extends Tally {
  readonly id: string;
}

/** One scenario: all kernels, and each but the baseline against it. */
export interface ScenarioComparison {
  readonly scenario: string;
  /** Baseline first. */
  readonly kernels: readonly KernelTally[];
  /** `contrasts[i]` is `kernels[i + 1]` against the baseline. */
  readonly contrasts: readonly [candidate: Contrast, ...others: Contrast[]];
}

/** All scenarios, and the conclusion over all of them. */
export interface Comparison {
  readonly design: Design;
  readonly scenarios: readonly ScenarioComparison[];
  readonly overall: Contrast;
}

/** Compares every kernel with the baseline in every scenario. */
export function compareTrials(trials: readonly Trial[], design: Design): Comparison {
  const cells = cellsOf(design);
  const pValues = holm(cells.map((cell) => pOverLooks(trials, design, cell)));
  const scenarios = design.scenarios.map((scenario): ScenarioComparison => {
    const kernels = design.kernels.map((id, kernel) => ({ id, ...tallyFor(trials, { scenario, kernel }) }));
    const contrastOf = (kernel: number, subject: 'candidate' | 'kernel') => {
      const place = cells.findIndex((cell) => cell.scenario === scenario && cell.kernel === kernel);
      return conclude({
        baseline: seenOf(tallyFor(trials, { scenario, kernel: 0 })),
        kernel: seenOf(tallyFor(trials, { scenario, kernel })),
        pValue: pValues[place] ?? 1,
        factor: cells.length * design.looks.length,
        subject,
      });
    };
    const [, , ...others] = design.kernels;
    return {
      scenario,
      kernels,
      contrasts: [contrastOf(1, 'candidate'), ...others.map((_, index) => contrastOf(index + 2, 'kernel'))],
    };
  });
  return { design, scenarios, overall: together(scenarios) };
}

/**
 * Scenarios that need no more trials after a look, given the trials up to it: each of their comparisons is significant,
 * and stays so whatever the others become (Bonferroni's correction, which Holm's never exceeds).
 */
export function settledScenarios(trials: readonly Trial[], design: Design): string[] {
  const cells = cellsOf(design);
  const open = cells.filter((cell) => cells.length * pOverLooks(trials, design, cell) > SIGNIFICANCE);
  return design.scenarios.filter((scenario) => open.every((cell) => cell.scenario !== scenario));
}

/** One kernel in one scenario. */
interface Cell {
  readonly scenario: string;
  readonly kernel: number;
}

/** All comparisons with the baseline. */
function cellsOf({ scenarios, kernels: [, ...compared] }: Design): Cell[] {
  return scenarios.flatMap((scenario) => compared.map((_, index) => ({ scenario, kernel: index + 1 })));
}

/** A look at rounds that were not run has the data of the previous look, so it does not change the least p value. */
function pOverLooks(trials: readonly Trial[], { looks }: Design, { scenario, kernel }: Cell): number {
  const pValues = looks.map((rounds) => {
    const sofar = trials.filter((trial) => trial.round <= rounds);
    const [one, other] = [0, kernel].map((index) => seenOf(tallyFor(sofar, { scenario, kernel: index })));
    return one === undefined || other === undefined ? 1 : fisherExact(one, other);
  });
  return overLooks(pValues, looks.length);
}

function tallyFor(trials: readonly Trial[], { scenario, kernel }: Cell): Tally {
  const own = trials.filter((trial) => trial.scenario === scenario && trial.kernel === kernel);
  return tallyOf(own.map(({ verdict }) => verdict));
}

/** Counts of each kernel over all scenarios. */
export function kernelTotals({ design, scenarios }: Comparison): KernelTally[] {
  return design.kernels.map((id, index) => ({
    id,
    ...sumOf(
      scenarios.flatMap(({ kernels }) => {
        const kernel = kernels[index];
        return kernel === undefined ? [] : [kernel];
      }),
    ),
  }));
}

/**
 * The candidate over all scenarios. The worst one counts: a regression in one scenario is a regression, then a scenario
 * without a conclusion; it fixes when it fixes one scenario and failed in none.
 */
function together(scenarios: readonly ScenarioComparison[]): Contrast {
  const contrasts = scenarios.map(({ contrasts: [candidate] }) => candidate);
  const [only] = contrasts;
  if (only !== undefined && contrasts.length === 1) return only;
  const having = (relation: Relation) => contrasts.filter((contrast) => contrast.relation === relation);
  const least = (some: readonly Contrast[]) => {
    const values = some.flatMap(({ pValue }) => (pValue === null ? [] : [pValue]));
    return values.length === 0 ? null : Math.min(...values);
  };
  const count = (some: readonly Contrast[]) => `${some.length} of ${contrasts.length} scenarios`;
  const regressed = having('regresses');
  if (regressed.length > 0) {
    return {
      pValue: least(regressed),
      relation: 'regresses',
      conclusion: `candidate regresses in ${count(regressed)}`,
    };
  }
  const unknown = having('unknown');
  if (unknown.length > 0) {
    return {
      pValue: null,
      relation: 'unknown',
      conclusion: `nothing can be concluded; no trial of a kernel could be judged in ${count(unknown)}`,
    };
  }
  const better = [...having('fixes'), ...having('improves')];
  if (better.length > 0) {
    const fails = scenarios.some(({ kernels: [, candidate] }) => failuresOf(candidate) > 0);
    return {
      pValue: least(better),
      relation: fails ? 'improves' : 'fixes',
      conclusion: fails
        ? `candidate improves in ${count(better)}, but still fails`
        : `candidate fixes in ${count(better)}`,
    };
  }
  return { pValue: least(contrasts), relation: 'no-difference', conclusion: noneShown(scenarios) };
}

function noneShown(scenarios: readonly ScenarioComparison[]): string {
  const seen = scenarios.flatMap(({ kernels }) => kernels.slice(0, 2).map(seenOf));
  const n = Math.min(...seen.map(({ judged }) => judged));
  return seen.every(({ failures }) => failures === 0)
    ? `no difference shown; ${missedWithoutFailures(n)}`
    : `no difference shown in any of ${scenarios.length} scenarios`;
}

function failuresOf(kernel: KernelTally | undefined): number {
  return kernel === undefined ? 0 : seenOf(kernel).failures;
}
