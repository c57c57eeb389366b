import { basename, relative } from 'node:path';
import { runCampaign } from '../campaign/run-campaign.js';
import type { RunEvent } from '../model/event.js';
import { isInterrupted, type RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { progressLine } from '../report/campaign-progress.js';
import { type Matrix, matrixOf } from '../report/campaign-table.js';
import { matrixObject } from '../report/campaign-table-json.js';
import { matrixTable } from '../report/campaign-table-text.js';
import { resultLine, verdictTable } from '../report/terminal-table.js';
import { reportPath, writeCells } from '../store/campaign-directory.js';
import { complain, say, wantsColor } from './context.js';
import { exitCodeFor } from './exit-code.js';
import { interruptible } from './interruptible.js';
import { cacheDirectory } from './places.js';
import { writeReport } from './write-report.js';

/** Options of {@link runAndReport}. */
export interface ReportOptions {
  readonly jobs: number;
  readonly json: boolean;
  /** All plans of the campaign, also those that need not run again. */
  readonly campaign: readonly RunPlan[];
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
  { jobs, json, campaign, earlier = [] }: ReportOptions,
): Promise<number> {
  const stop = interruptible();
  const color = wantsColor(process.stdout);
  const all = earlier.filter((result) => !isInterrupted(result));
  let ended = 0;
  try {
    await runCampaign(directory, plans, {
      jobs,
      cacheDir: cacheDirectory(),
      signal: stop.signal,
      onStart: (plan) => say(`${plan.runId}: starting (${plan.accel.accel}, ${plan.machine.cpus} vCPUs)`),
      onEvent: (plan, event) => progress(plan, event),
      onResult: (result, plan) => {
        ended += 1;
        all.push(result);
        if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
        else process.stdout.write(`[${ended}/${plans.length}] ${resultLine(result, { color })}\n`);
        if (plan.cell !== undefined) say(progressLine({ plans: campaign, results: all, jobs }));
      },
    });
    const matrix = matrixOf(campaign, all);
    const [plan] = plans;
    // With nothing left to run the report is already what it would be.
    if (plan !== undefined && all.length > 0) await writeReport(directory, all, { plan, matrix });
    const exitCode = stop.caught === undefined ? exitCodeFor(all) : 128 + stop.caught.number;
    if (matrix !== undefined) await tellMatrix(matrix, { directory, all, exitCode, json, color });
    else if (!json && all.length > 0) {
      process.stdout.write(`\n${verdictTable(all, { color, width: WIDTH })}\n`);
    }
    say(`report: ${reportPath(directory)}`);
    if (stop.caught !== undefined) {
      complain(
        `crashpath: stopped by ${stop.caught.name}; to go on: crashpath run --resume ${relative('.', directory)}`,
      );
    }
    return exitCode;
  } finally {
    stop.release();
  }
}

/** Columns of the tables, whatever the terminal has: a log file has none. */
const WIDTH = 100;

/** Prints the table of a campaign file, and keeps it. */
async function tellMatrix(
  matrix: Matrix,
  {
    directory,
    all,
    exitCode,
    json,
    color,
  }: {
    directory: string;
    all: readonly RunResult[];
    exitCode: number;
    json: boolean;
    color: boolean;
  },
): Promise<void> {
  const object = matrixObject(matrix, { campaign: basename(directory), exitCode });
  await writeCells(directory, object);
  process.stdout.write(
    json ? `${JSON.stringify(object)}\n` : `\n${matrixTable(matrix, all, { color, width: WIDTH })}\n`,
  );
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
