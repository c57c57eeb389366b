import type { Cell } from '../model/cell.js';
import { alternativesOf, expectationText, matches } from '../model/expectation.js';
import { isCutOff, type RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { VERDICT_NAMES } from './summary.js';
import { countInOrder, verdictName } from './words.js';

/** States of a cell, worst first. */
export const CELL_STATES = [
  'unexpected',
  'harness-error',
  'void',
  'unfinished',
  'void-explained',
  'as-expected',
] as const;

export type CellState = (typeof CELL_STATES)[number];

const IS_EXPLAINED: Readonly<Record<CellState, boolean>> = {
  unexpected: false,
  'harness-error': false,
  void: false,
  unfinished: false,
  'void-explained': true,
  'as-expected': true,
};

/** All trials of a scenario on one kernel of the campaign file. Texts are verbatim from the file and the runs. */
export interface TableCell {
  readonly kernel: string;
  /** Trials that were planned. */
  readonly planned: number;
  /** Results of its trials; an interrupted one has none. */
  readonly results: readonly RunResult[];
  /** Verdict names with counts, best first. */
  readonly verdicts: readonly (readonly [name: string, count: number])[];
  /** All reasons for which captures were degraded. */
  readonly degradedBy: readonly string[];
  /** All aspects of captures that their runs do not show. */
  readonly undecided: readonly string[];
  readonly state: CellState;
  /** What was expected, in words. */
  readonly expected: string;
  /** The arguments for it: of the accepted verdicts that occurred, or, when none did, of all. */
  readonly why: readonly string[];
  /** Why voids are expected; empty when there are none, or no reason. */
  readonly voidOk: readonly string[];
}

/** A scenario (on a machine) against all kernels. */
export interface TableRow {
  readonly scenario: string;
  /** Absent when the row names no machine. */
  readonly machine: string | undefined;
  /** What the row is about. */
  readonly why: string | undefined;
  /** One for each column; undefined where the file runs nothing. */
  readonly cells: readonly (TableCell | undefined)[];
}

/** The table of a campaign file. */
export interface CampaignTable {
  /** Names of the kernels, in the file's order. */
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
}

/** A plan of a campaign file. */
type PlanInCell = RunPlan & { readonly cell: Cell };

/**
 * Makes the table of a campaign file's plans and results; undefined when the plans are not of a campaign file. Rows and
 * columns are in the order in which the plans name them first. A result belongs to the cell of its names. Pure.
 */
export function campaignTableOf(
  plans: readonly RunPlan[],
  results: readonly RunResult[],
): CampaignTable | undefined {
  const inCells = plans.filter((plan): plan is PlanInCell => plan.cell !== undefined);
  if (inCells.length === 0) return undefined;
  const columns = [...new Set(inCells.map(({ cell }) => cell.kernel))];
  const finished = results.filter((result) => !isCutOff(result));
  const keys = [...new Set(inCells.map(rowKey))];
  const rows = keys.map((key) => {
    const planned = inCells.filter((plan) => rowKey(plan) === key);
    const [first] = planned;
    return {
      scenario: first?.scenario.name ?? '',
      machine: first?.cell.machine,
      why: first?.cell.why,
      cells: columns.map((kernel) =>
        cellOf(
          planned.filter(({ cell }) => cell.kernel === kernel),
          finished.filter((result) => result.cell?.kernel === kernel && resultKey(result) === key),
        ),
      ),
    };
  });
  return { columns, rows };
}

function rowKey({ scenario, cell }: PlanInCell): string {
  return JSON.stringify([scenario.name, cell.machine]);
}

function resultKey({ scenario, cell }: RunResult): string {
  return JSON.stringify([scenario, cell?.machine]);
}

function cellOf(plans: readonly PlanInCell[], results: readonly RunResult[]): TableCell | undefined {
  const [plan] = plans;
  if (plan === undefined) return undefined;
  const { kernel, expect } = plan.cell;
  const accepted = alternativesOf(expect);
  const seen = accepted.filter((one) => results.some((result) => matches(result, one)));
  const argued = (seen.length === 0 ? accepted : seen).flatMap(({ why, ...one }) => {
    if (why === undefined) return [];
    return [accepted.length === 1 ? why : `${expectationText(one)}: ${why}`];
  });
  return {
    kernel,
    planned: plans.length,
    results,
    verdicts: countInOrder(results.map(verdictName), VERDICT_NAMES),
    degradedBy: [...new Set(results.flatMap(({ degradedBy }) => degradedBy))].sort(),
    undecided: [...new Set(results.flatMap(({ undecided = [] }) => undecided))].sort(),
    state: stateOf(results, plans.length),
    expected: expectationText(expect),
    why: argued,
    voidOk: [...new Set(results.flatMap(({ voidOk }) => (voidOk === undefined ? [] : [voidOk])))],
  };
}

/** The worst state of its trials; a void that the file explains counts only when there is nothing else. */
function stateOf(results: readonly RunResult[], planned: number): CellState {
  const has = (outcome: RunResult['outcome']) => results.some((result) => result.outcome === outcome);
  if (has('unexpected')) return 'unexpected';
  if (has('harness-error')) return 'harness-error';
  if (results.some(({ outcome, voidOk }) => outcome === 'inconclusive' && voidOk === undefined))
    return 'void';
  if (results.length < planned) return 'unfinished';
  return has('expected') ? 'as-expected' : 'void-explained';
}

/** All cells, with their rows. */
export function cellsOf({ rows }: CampaignTable): { row: TableRow; cell: TableCell }[] {
  return rows.flatMap((row) => row.cells.flatMap((cell) => (cell === undefined ? [] : [{ row, cell }])));
}

/** The unexplained cells: neither an expectation nor the file's reason for a void applies. */
export function unexplained(table: CampaignTable): { row: TableRow; cell: TableCell }[] {
  return cellsOf(table).filter(({ cell }) => !IS_EXPLAINED[cell.state]);
}

/** How many cells are in each state, in the order of {@link CELL_STATES}; states that do not occur are left out. */
export function stateCounts(table: CampaignTable) {
  return countInOrder(
    cellsOf(table).map(({ cell }) => cell.state),
    CELL_STATES,
  );
}
