import { join } from 'node:path';
import { listCampaigns, readOutcomes } from '../../store/campaign-directory.js';
import { say, SHIPPED } from '../context.js';
import type { ListOptions } from '../words/list.js';
import { loadMachine, machineNames } from '../../prepare/machine-files.js';
import { outDirectory } from '../directories.js';
import { loadScenarios, scenarioNames } from '../../prepare/scenario-files.js';

/** Prints the list of `crashpath list`: lines for people, or one JSON object per line. */
export async function printList({ what, out, json }: ListOptions): Promise<void> {
  if (what === 'runs') return printRuns(outDirectory(out), json);
  for (const line of await (what === 'scenarios' ? scenarioLines(json) : machineLines(json)))
    process.stdout.write(`${line}\n`);
}

async function machineLines(json: boolean): Promise<string[]> {
  const names = await machineNames(SHIPPED);
  const width = Math.max(...names.map((name) => name.length));
  const profiles = await Promise.all(names.map((name) => loadMachine(name, SHIPPED)));
  return profiles.map((profile) =>
    json ? JSON.stringify(profile) : `${profile.name.padEnd(width)}  ${profile.summary}`,
  );
}

async function scenarioLines(json: boolean): Promise<string[]> {
  const files = await Promise.all(
    (await scenarioNames(SHIPPED)).map(async (file) => ({
      file,
      scenarios: await loadScenarios(file, SHIPPED),
    })),
  );
  const width = Math.max(...files.flatMap(({ scenarios }) => scenarios.map(({ name }) => name.length)));
  return files.flatMap(({ file, scenarios }) => {
    const members = scenarios.map((scenario) =>
      json
        ? JSON.stringify({ name: scenario.name, summary: scenario.summary, expect: scenario.expect })
        : `${scenario.name.padEnd(width)}  ${scenario.summary} [expects ${scenario.expect.verdict}]`,
    );
    if (json || scenarios.length === 1) return members;
    return [
      `${file.padEnd(width)}  all ${scenarios.length} of these:`,
      ...members.map((line) => `  ${line}`),
    ];
  });
}

/** Prints one campaign after the other: there may be very many runs. */
async function printRuns(out: string, json: boolean): Promise<void> {
  let isEmpty = true;
  for (const campaign of await listCampaigns(out)) {
    let lines = '';
    for (const { runId, hasPlan, result } of readOutcomes(join(out, campaign))) {
      const verdict = result?.verdict ?? null;
      const none = hasPlan ? 'no verdict (cut off)' : 'no plan (cut off, or damaged)';
      lines += json
        ? `${JSON.stringify({ campaign, runId, verdict, outcome: result?.outcome ?? null })}\n`
        : `${campaign}/${runId}  ${verdict ?? none}  ${result?.outcome ?? '-'}\n`;
    }
    if (lines !== '') isEmpty = false;
    process.stdout.write(lines);
  }
  if (isEmpty) say(`no runs in ${out}`);
}
