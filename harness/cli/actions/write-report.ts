import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReportedDirectory } from '../../campaign/read-reported.js';
import { usageFault } from '../../model/fault.js';
import type { RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { type ConsoleExcerpt, excerptOf } from '../../report/console-excerpt.js';
import { htmlReport, type ReportHost } from '../../report/html-report.js';
import { type CampaignTable, campaignTableOf } from '../../report/campaign-table.js';
import { reportPath } from '../../store/campaign-directory.js';
import { RECORDING } from '../../store/recorder.js';
import { writeText } from '../../store/stored-file.js';
import { version } from '../context.js';

/** What of a campaign its report shows beside the results. */
interface ReportedCampaign {
  readonly plan: RunPlan;
  readonly campaignTable?: CampaignTable | undefined;
  /** The hosts that were named, with their plans. */
  readonly hosts?: readonly { readonly name: string; readonly plans: readonly RunPlan[] }[] | undefined;
}

/** Writes the campaign's HTML report. */
export async function writeReport(
  directory: string,
  results: readonly RunResult[],
  campaign: ReportedCampaign,
): Promise<void> {
  await writeText(reportPath(directory), await htmlOf(results, campaign));
}

/** The HTML report of a stored run, campaign or night. */
export async function storedHtml({ input: { runs }, campaigns }: ReportedDirectory): Promise<string> {
  const results = runs.flatMap(({ result }) => (result === undefined ? [] : [result]));
  const plans = runs.flatMap(({ plan }) => (plan === undefined ? [] : [plan]));
  const [plan] = plans;
  if (plan === undefined) {
    throw usageFault(`cannot report "nothing" as HTML: no run of the directory has a plan; name another one`);
  }
  const hosts = campaigns.flatMap(({ campaign }) => campaign.hosts ?? []);
  return htmlOf(results, { plan, campaignTable: campaignTableOf(plans, results), hosts });
}

/** All plans of a campaign for one host share its facts. */
async function htmlOf(
  results: readonly RunResult[],
  { plan, campaignTable, hosts = [] }: ReportedCampaign,
): Promise<string> {
  const consoleExcerpts = new Map<string, ConsoleExcerpt>();
  for (const result of results) {
    // A recorded console is bounded (Limits.channelBytes) and can be read whole.
    const bytes = await readFile(join(result.directory, RECORDING.console)).catch(() => Buffer.alloc(0));
    consoleExcerpts.set(result.runId, excerptOf(result, bytes));
  }
  return htmlReport({
    results,
    hosts: hosts.length === 0 ? [hostOf(plan)] : hosts.flatMap(({ plans }) => plans.slice(0, 1).map(hostOf)),
    crashpathVersion: version(),
    consoleExcerpts,
    campaignTable,
    generatedAt: new Date().toISOString(),
  });
}

function hostOf({ host, accel, qemu }: RunPlan): ReportHost {
  return { name: host, accel: accel.accel, accelReason: accel.reason, qemuVersion: qemu.version };
}
