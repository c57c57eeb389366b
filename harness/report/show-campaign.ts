import type { RunResult } from '../model/result.js';
import { resultLine, type TableOptions, verdictTable } from './terminal-table.js';
import { countOf, OUTCOMES, safeName } from './words.js';

/** A stored campaign, as far as it has come. */
export interface ShownCampaign {
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** What a campaign file says of it. */
  readonly summary?: string | undefined;
  /** Absent where the number of runs is not fixed when it begins. */
  readonly planned?: number | undefined;
  readonly results: readonly RunResult[];
  /** Files with what was found, relative to the working directory. */
  readonly files: readonly string[];
}

/** Most runs that are listed, those that went worst first. */
const LISTED = 100;

/** A campaign for people: its table, its runs by name, and where the rest is. With a newline at the end. Pure. */
export function showCampaign(campaign: ShownCampaign, options: TableOptions): string {
  const { name, createdAt, summary, planned, results, files } = campaign;
  const left = planned === undefined ? '' : ` of ${planned}`;
  const sorted = results.toSorted(
    (one, other) => OUTCOMES.indexOf(other.outcome) - OUTCOMES.indexOf(one.outcome),
  );
  const more = sorted.length > LISTED ? [`and ${sorted.length - LISTED} more`] : [];
  return [
    `campaign ${safeName(name)}, begun ${safeName(createdAt)}: ${results.length}${left} runs have ended`,
    ...(summary === undefined ? [] : [safeName(summary)]),
    '',
    verdictTable(results, options),
    '',
    ...sorted.slice(0, LISTED).map((result) => lineOf(result, options)),
    ...more,
    ...(files.length === 0
      ? []
      : ['', `${countOf(files.length, 'file')}: ${files.map(safeName).join(', ')}`]),
    '',
  ].join('\n');
}

/** The lines of runs that ended as expected have no name of their own. */
function lineOf(result: RunResult, options: TableOptions): string {
  const line = resultLine(result, options);
  return result.outcome === 'expected' ? `${line}  ${safeName(result.runId)}` : line;
}
