import { join } from 'node:path';
import { listCampaigns, readRuns } from '../../store/campaign-directory.js';
import { say, SHIPPED } from '../context.js';
import type { ListOptions } from '../words/list.js';
import { loadMachine, machineNames } from '../../prepare/machine-files.js';
import { outDirectory } from '../directories.js';
import { loadScenarios, scenarioNames } from '../../prepare/scenario-files.js';

/** Prints the list of `crashpath list`: lines for people, or one JSON object per line. */
export async function printList(options: ListOptions): Promise<void> {
  for (const line of await linesOf(options)) process.stdout.write(`${line}\n`);
}

function linesOf({ what, out, json }: ListOptions): Promise<string[]> {
  switch (what) {
    case 'scenarios':
      return scenarioLines(json);
    case 'machines':
      return machineLines(json);
    case 'runs':
      return runLines(outDirectory(out), json);
  }
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

async function runLines(out: string, json: boolean): Promise<string[]> {
  const lines: string[] = [];
  for (const campaign of await listCampaigns(out)) {
    for (const { runId, plan, result } of await readRuns(join(out, campaign))) {
      const verdict = result?.verdict ?? null;
      const none = plan === undefined ? 'no plan (cut off, or damaged)' : 'no verdict (cut off)';
      lines.push(
        json
          ? JSON.stringify({ campaign, runId, verdict, outcome: result?.outcome ?? null })
          : `${campaign}/${runId}  ${verdict ?? none}  ${result?.outcome ?? '-'}`,
      );
    }
  }
  if (lines.length === 0) say(`no runs in ${out}`);
  return lines;
}
