import { cellsOf, type Matrix, stateCounts } from './campaign-table.js';

/** What {@link matrixObject} is told beside the table. */
export interface CampaignFacts {
  readonly campaign: string;
  readonly exitCode: number;
}

/**
 * The table of a campaign file as the one object that `--json` prints after its runs, and `cells.json` holds
 * (docs/campaigns.md). Names are stable within schema 1. Pure.
 */
export function matrixObject(matrix: Matrix, { campaign, exitCode }: CampaignFacts) {
  return {
    schema: 1,
    kind: 'campaign',
    campaign,
    kernels: matrix.columns,
    cells: cellsOf(matrix).map(({ row, cell }) => ({
      scenario: row.scenario,
      ...(row.machine === undefined ? {} : { machine: row.machine }),
      kernel: cell.kernel,
      state: cell.state,
      expected: cell.expected,
      planned: cell.planned,
      trials: cell.results.length,
      verdicts: Object.fromEntries(cell.verdicts),
      degradedBy: cell.degradedBy,
      why: cell.why,
      voidOk: cell.voidOk,
      runs: cell.results.map(({ runId }) => runId),
    })),
    states: Object.fromEntries(stateCounts(matrix)),
    exitCode,
  };
}
