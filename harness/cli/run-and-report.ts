import { open, readFile, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { runCampaign } from '../campaign/run-campaign.js';
import type { RunEvent } from '../model/event.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../model/run-plan.js';
import { htmlReport } from '../report/html-report.js';
import { resultLine, verdictTable } from '../report/terminal-table.js';
import { reportPath } from '../store/campaign-directory.js';
import { RECORDING } from '../store/recorder.js';
import { storeFault } from '../store/store-fault.js';
import { complain, say, version, wantsColor } from './context.js';
import { exitCodeFor } from './exit-code.js';
import { interruptible } from './interruptible.js';

/** Bytes of a console's end that the report may quote from. */
const EXCERPT_BYTES = 64 * 1024;

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
    await writeReport(directory, all, plans[0]);
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

async function writeReport(directory: string, results: readonly RunResult[], plan: RunPlan | undefined) {
  if (results.length === 0 || plan === undefined) return;
  const consoleExcerpts = new Map<string, Buffer>();
  for (const result of results) {
    consoleExcerpts.set(result.runId, await tailOf(`${result.directory}/${RECORDING.console}`));
  }
  const html = htmlReport({
    results,
    host: {
      accel: plan.accel.accel,
      accelReason: plan.accel.reason,
      qemuVersion: plan.qemu.version,
      crashpathVersion: version(),
    },
    consoleExcerpts,
    generatedAt: new Date().toISOString(),
  });
  try {
    await writeFileAtomic(reportPath(directory), html, { mode: 0o600 });
  } catch (error) {
    throw storeFault('write', reportPath(directory), error);
  }
}

async function tailOf(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size <= EXCERPT_BYTES) return await readFile(path);
    const file = await open(path);
    try {
      const { buffer } = await file.read({
        buffer: Buffer.alloc(EXCERPT_BYTES),
        position: size - EXCERPT_BYTES,
      });
      return buffer;
    } finally {
      await file.close();
    }
  } catch {
    return Buffer.alloc(0);
  }
}
