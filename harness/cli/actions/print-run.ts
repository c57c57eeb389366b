import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { showRun } from '../../report/show-run.js';
import { showCampaign } from '../../report/show-campaign.js';
import { findCampaign, findRun, readCampaign, readRuns } from '../../store/campaign-directory.js';
import { readRecording } from '../../store/read-recording.js';
import { RECORDING } from '../../store/recorder.js';
import { readPlan, readResult } from '../../store/run-directory.js';
import { wantsColor } from '../context.js';
import { outDirectory } from '../directories.js';
import type { StoredRunOptions } from '../words/stored-run.js';

/** Prints one stored run, or a campaign, for people or as JSON. */
export async function printRun({ run, out, json }: StoredRunOptions): Promise<void> {
  const campaign = await findCampaign(run, outDirectory(out));
  if (campaign !== undefined) return printCampaign(campaign, json);
  const directory = await findRun(run, outDirectory(out));
  const plan = await readPlan(directory);
  const result = await readResult(directory);
  if (json) {
    process.stdout.write(`${JSON.stringify({ plan, result: result ?? null })}\n`);
    return;
  }
  const consoleBytes = await readFile(join(directory, RECORDING.console)).catch(() => Buffer.alloc(0));
  const names = (await readdir(directory)).sort();
  const files = await Promise.all(
    names.map(async (name) => ({ name, sizeBytes: (await lstat(join(directory, name))).size })),
  );
  const facts = (await readRecording(directory)).flatMap((record) =>
    record.kind === 'host' ? [record.record] : [],
  );
  const kernelLogs = facts.flatMap((fact) => (fact.fact === 'kernel-log' ? [fact] : []));
  const autopsy = facts.findLast((fact) => fact.fact === 'autopsy')?.autopsy;
  const interruptState = facts.findLast((fact) => fact.fact === 'interrupt-state');
  const color = wantsColor(process.stdout);
  process.stdout.write(
    showRun({ plan, result, consoleBytes, interruptState, autopsy, kernelLogs, directory, files, color }),
  );
}

/** What campaigns of several kinds keep beside their runs. */
const FOUND = ['report.html', 'cells.json', 'compare.json', 'map.json', 'crashkernel-size.json'];

async function printCampaign(directory: string, json: boolean): Promise<void> {
  const { name, createdAt, file, plans, variants, sizes } = await readCampaign(directory);
  const results = (await readRuns(directory)).flatMap(({ result }) => (result === undefined ? [] : [result]));
  if (json) {
    process.stdout.write(`${JSON.stringify({ campaign: name, createdAt, results })}\n`);
    return;
  }
  const files = (await readdir(directory)).filter((one) => FOUND.includes(one)).sort();
  // Of a search or a sweep, the plans are what its runs are derived from.
  const isDerived = sizes !== undefined || variants !== undefined || results.length > plans.length;
  const shown = {
    ...{ name, createdAt, summary: file?.summary, results },
    planned: isDerived ? undefined : plans.length,
    files: files.map((one) => relative('.', join(directory, one))),
  };
  const color = wantsColor(process.stdout);
  process.stdout.write(showCampaign(shown, { color, width: process.stdout.columns || 100 }));
}
