import { relative } from 'node:path';
import { runCampaign } from '../campaign/run-campaign.js';
import type { RunEvent } from '../model/event.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../model/run-plan.js';
import { resultLine, verdictTable } from '../report/terminal-table.js';
import { reportPath } from '../store/campaign-directory.js';
import { complain, say, wantsColor } from './context.js';
import { exitCodeFor } from './exit-code.js';
import { interruptible } from './interruptible.js';
import { cacheDirectory } from './places.js';
import { writeReport } from './write-report.js';

/** Options of {@link runAndReport}. */
export interface ReportOptions {
  readonly jobs: number;
  readonly json: boolean;
  /** Results of an earlier part of the same campaign. */
  readonly earlier?: readonly RunResult[];
}

/**
 * Runs plans, prints results as they come, then the table and the report's path. Returns the exit code; a campaign
 * that was stopped by a signal returns 128 + its number, after everything is recorded.
 */
export async function runAndReport(
  directory: string,
  plans: readonly RunPlan[],
  { jobs, json, earlier = [] }: ReportOptions,
): Promise<number> {
  const stop = interruptible();
  const color = wantsColor(process.stdout);
  let ended = 0;
  try {
    const results = await runCampaign(directory, plans, {
      jobs,
      cacheDir: cacheDirectory(),
      signal: stop.signal,
      onStart: (plan) => say(`${plan.runId}: starting (${plan.accel.accel}, ${plan.machine.cpus} vCPUs)`),
      onEvent: (plan, event) => progress(plan, event),
      onResult: (result) => {
        ended += 1;
        if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
        else process.stdout.write(`[${ended}/${plans.length}] ${resultLine(result, { color })}\n`);
      },
    });
    const all = [...earlier.filter((result) => result.detail !== 'interrupted'), ...results];
    const [plan] = plans;
    // With nothing left to run the report is already what it would be.
    if (plan !== undefined && all.length > 0) await writeReport(directory, all, plan);
    if (!json && all.length > 0) process.stdout.write(`\n${verdictTable(all, { color, width: 100 })}\n`);
    say(`report: ${reportPath(directory)}`);
    if (stop.caught === undefined) return exitCodeFor(all);
    complain(
      `crashpath: stopped by ${stop.caught.name}; to go on: crashpath run --resume ${relative('.', directory)}`,
    );
    return 128 + stop.caught.number;
  } finally {
    stop.release();
  }
}

/** Rungs that are worth a line while a run goes on. */
function progress(plan: RunPlan, event: RunEvent): void {
  const text = PROGRESS[event.type];
  if (text !== undefined) say(`${plan.runId}: ${(event.atMs / 1000).toFixed(1)} s ${text}`);
}

const PROGRESS: Partial<Record<RunEvent['type'], string>> = {
  hello: 'production guest is up',
  armed: 'crash kernel loaded',
  firing: 'fired',
  panic: 'panic',
  'capture-command-line': 'capture kernel speaks',
  'capture-hello': 'capture userspace is up',
  'vmcore-missing': 'no vmcore',
};
