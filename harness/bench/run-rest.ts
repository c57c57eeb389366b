import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { remainingPlans } from '../campaign/resume.js';
import { runCampaign } from '../campaign/run-campaign.js';
import { defaultJobs } from '../cli/actions/campaigns.js';
import { interruptible } from '../cli/actions/interruptible.js';
import { say } from '../cli/context.js';
import { cacheDirectory } from '../cli/directories.js';
import { nonEmpty, wholeNumber } from '../cli/words/option-values.js';
import { single } from '../cli/words/shared-options.js';
import { usageFault } from '../model/fault.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { freshNonce } from '../prepare/plan-runs.js';
import { readCampaign, readRuns } from '../store/campaign-directory.js';

/** Options of every bench: how its runs are run, and where they are kept. Mistakes are thrown as usage faults. */
export function benchOptions<T>(yargs: Argv<T>) {
  return yargs
    .option('jobs', {
      ...single(wholeNumber('--jobs', { least: 1, most: 64 })),
      describe: 'Number of guests that run at the same time (default: host CPUs / vCPUs)',
    })
    .option('limit', {
      ...single(wholeNumber('--limit', { least: 0, most: 10_000 })),
      describe: 'Stop after so many runs; --resume runs the rest',
    })
    .option('stress', {
      ...single(wholeNumber('--stress', { least: 0, most: 256 })),
      describe: 'Number of busy loops that run beside the guests',
    })
    .option('out', {
      ...single((value) => nonEmpty('--out')(value) ?? 'runs'),
      default: 'runs',
      describe: 'Directory that holds the runs',
    })
    .option('resume', {
      ...single((value) => asPath(nonEmpty('--resume')(value))),
      describe: 'Directory of a stopped bench: run what is left of it',
    })
    .strict()
    .locale('en')
    .fail((complaint: string | null, error: Error | undefined) => {
      if (error !== undefined && error.name !== 'YError') throw error;
      throw usageFault(`cannot run the bench: ${complaint ?? error?.message ?? 'unknown'}; see --help`);
    });
}

function asPath(directory: string | undefined): string | undefined {
  return directory === undefined ? undefined : resolve(directory);
}

/** Whether a result counts as none, so that its run is made again. */
export type CountsAsNone = (result: RunResult) => boolean;

/** The runs of a bench that have no result yet. */
export async function openPlans(
  directory: string,
  countsAsNone: CountsAsNone = () => false,
): Promise<RunPlan[]> {
  const { plans } = await readCampaign(directory);
  const begun = (await readRuns(directory)).map(({ runId, result }) => ({
    runId,
    result: result !== undefined && countsAsNone(result) ? undefined : result,
  }));
  return remainingPlans(plans, begun, freshNonce);
}

/**
 * Runs what has no result yet, `limit` of it at most, with a line of progress for each. Returns the number of the signal
 * that stopped it; what ran is kept.
 */
export async function runRest(
  directory: string,
  { jobs, limit }: { jobs?: number | undefined; limit?: number | undefined },
  countsAsNone?: CountsAsNone,
): Promise<number | undefined> {
  const left = (await openPlans(directory, countsAsNone)).slice(0, limit);
  const stop = interruptible();
  let ended = 0;
  try {
    await runCampaign(directory, left, {
      jobs: jobs ?? defaultJobs(left),
      cacheDir: cacheDirectory(),
      signal: stop.signal,
      onResult: (result) => {
        ended += 1;
        say(`[${ended}/${left.length}] ${lineOf(result)}`);
      },
    });
    return stop.caught?.number;
  } finally {
    stop.release();
  }
}

function lineOf({ runId, verdict, detail, quality, degradedBy }: RunResult): string {
  const words = [`${verdict}/${detail}`, ...(quality === undefined ? [] : [quality]), ...degradedBy];
  return `${runId}: ${words.join(' ')}`;
}
