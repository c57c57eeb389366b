import { isCutOff, type RunResult } from '../model/result.js';
import { begunRuns } from '../store/campaign-results.js';
import { resultKeeper } from './kept-result.js';
import type { BegunRun } from './resume.js';

/** What is known of a campaign that is resumed. */
export interface Begun {
  readonly begun: readonly BegunRun[];
  /** Results of the runs that ended, as a campaign keeps them. */
  readonly earlier: readonly RunResult[];
}

/** Reads the runs of a campaign that were begun; `repair` as in {@link begunRuns}, which see. */
export async function readBegun(directory: string, { repair }: { readonly repair: boolean }): Promise<Begun> {
  const keep = resultKeeper();
  const begun: BegunRun[] = [];
  const earlier: RunResult[] = [];
  for await (const { runId, result } of begunRuns(directory, { repair })) {
    begun.push({ runId, result: result === undefined ? undefined : { detail: result.detail } });
    if (result !== undefined && !isCutOff(result)) earlier.push(keep(result));
  }
  return { begun, earlier };
}
