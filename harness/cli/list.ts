import { join, resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { listCampaigns, readRuns } from '../store/campaign-directory.js';
import { loadScenario, scenarioNames } from './scenario-files.js';

interface Arguments {
  what: 'scenarios' | 'runs';
  out: string;
  json: boolean;
}

/** `crashpath list`: what can be run, and what was. */
export const listCommand: CommandModule<object, Arguments> = {
  command: 'list [what]',
  describe: 'List the scenarios, or the stored runs',
  builder: (yargs) =>
    yargs
      .positional('what', { choices: ['scenarios', 'runs'] as const, default: 'scenarios' as const })
      .option('out', { type: 'string', default: 'runs', describe: 'Where the runs are kept' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON object a line on stdout' })
      .example('$0 list', 'Scenarios with what they expect')
      .example('$0 list runs', 'Stored runs, oldest campaign first'),
  handler: async ({ what, out, json }) => {
    const lines = what === 'scenarios' ? await scenarioLines(json) : await runLines(resolve(out), json);
    for (const line of lines) process.stdout.write(`${line}\n`);
  },
};

async function scenarioLines(json: boolean): Promise<string[]> {
  const names = await scenarioNames();
  const width = Math.max(...names.map((name) => name.length));
  const scenarios = await Promise.all(names.map(loadScenario));
  return scenarios.map((scenario) =>
    json
      ? JSON.stringify({ name: scenario.name, summary: scenario.summary, expect: scenario.expect })
      : `${scenario.name.padEnd(width)}  ${scenario.summary} [expects ${scenario.expect.verdict}]`,
  );
}

async function runLines(outDirectory: string, json: boolean): Promise<string[]> {
  const lines: string[] = [];
  for (const campaign of await listCampaigns(outDirectory)) {
    for (const { plan, result } of await readRuns(join(outDirectory, campaign))) {
      const verdict = result?.verdict ?? null;
      lines.push(
        json
          ? JSON.stringify({ campaign, runId: plan.runId, verdict, outcome: result?.outcome ?? null })
          : `${campaign}/${plan.runId}  ${verdict ?? 'no verdict (cut off)'}  ${result?.outcome ?? '-'}`,
      );
    }
  }
  return lines;
}
