import { cellsOf, type CampaignTable, stateCounts } from './campaign-table.js';

/** Input of {@link campaignTableObject} besides the table. */
export interface CampaignFacts {
  readonly campaign: string;
  readonly exitCode: number;
}

/**
 * The table of a campaign file as the one object that `--json` prints after its runs, and `cells.json` holds
 * (docs/campaigns.md). Names are stable within schema 1. Pure.
 */
export function campaignTableObject(table: CampaignTable, { campaign, exitCode }: CampaignFacts) {
  return {
    schema: 1,
    kind: 'campaign',
    campaign,
    kernels: table.columns,
    cells: cellsOf(table).map(({ row, cell }) => ({
      scenario: row.scenario,
      ...(row.machine === undefined ? {} : { machine: row.machine }),
      kernel: cell.kernel,
      state: cell.state,
      expected: cell.expected,
      planned: cell.planned,
      trials: cell.results.length,
      verdicts: Object.fromEntries(cell.verdicts),
      degradedBy: cell.degradedBy,
      undecided: cell.undecided,
      why: cell.why,
      voidOk: cell.voidOk,
      runs: cell.results.map(({ runId }) => runId),
    })),
    states: Object.fromEntries(stateCounts(table)),
    exitCode,
  };
}
