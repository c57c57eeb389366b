import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { type ConsoleExcerpt, excerptOf } from '../../report/console-excerpt.js';
import { htmlReport } from '../../report/html-report.js';
import type { CampaignTable } from '../../report/campaign-table.js';
import { reportPath } from '../../store/campaign-directory.js';
import { RECORDING } from '../../store/recorder.js';
import { writeText } from '../../store/stored-file.js';
import { version } from '../context.js';

/** Writes the campaign's HTML report. All plans of a campaign share the host facts, which are taken from `plan`. */
export async function writeReport(
  directory: string,
  results: readonly RunResult[],
  { plan, campaignTable }: { plan: RunPlan; campaignTable?: CampaignTable | undefined },
): Promise<void> {
  const consoleExcerpts = new Map<string, ConsoleExcerpt>();
  for (const result of results) {
    // A recorded console is bounded (Limits.channelBytes) and can be read whole.
    const bytes = await readFile(join(result.directory, RECORDING.console)).catch(() => Buffer.alloc(0));
    consoleExcerpts.set(result.runId, excerptOf(result, bytes));
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
    campaignTable,
    generatedAt: new Date().toISOString(),
  });
  await writeText(reportPath(directory), html);
}
