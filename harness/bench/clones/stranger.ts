import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A campaign after a kill or at its end. */
export interface CampaignSeen {
  /** What `--json` printed so far, all lines. */
  readonly printed: readonly string[];
  /** It came to its end: each planned run has exactly one result. */
  readonly isComplete: boolean;
}

/**
 * What is wrong with a campaign's files, found by their form only and without crashpath's code:
 * JSON, and names. A result that was printed must be stored, word for word, and never twice.
 */
export async function wrongInCampaign(
  directory: string,
  { printed, isComplete }: CampaignSeen,
): Promise<string[]> {
  const wrong: string[] = [];
  const lines = (await readFile(join(directory, 'results.jsonl'), 'utf8').catch(() => '')).split('\n');
  // After a kill the last line may be a part of one; a campaign that is complete has whole lines only.
  const last = lines.pop();
  if (isComplete && last !== '') wrong.push('results.jsonl ends within a line');
  const stored = lines.flatMap((line, index) => {
    const run = runIn(line);
    if (run === undefined) wrong.push(`line ${index + 1} of results.jsonl is no result`);
    return run === undefined ? [] : [{ ...run, line }];
  });
  const known = new Map(stored.map((run) => [run.runId, run]));
  if (known.size < stored.length) wrong.push('results.jsonl has a run twice');
  for (const line of printed) {
    const run = runIn(line);
    if (run === undefined) wrong.push(`what was printed is no result: ${line.slice(0, 80)}`);
    else if (known.get(run.runId)?.line !== line) wrong.push(`run ${run.runId} was printed and is lost`);
  }
  if (new Set(printed).size < printed.length) wrong.push('a result was printed twice');
  return isComplete ? [...wrong, ...(await wrongAtEnd(directory, [...known.values()]))] : wrong;
}

async function wrongAtEnd(directory: string, stored: readonly Run[]): Promise<string[]> {
  const wrong: string[] = [];
  const campaign: unknown = JSON.parse(await readFile(join(directory, 'campaign.json'), 'utf8'));
  const planned = plansIn(campaign);
  if (planned.length === 0) wrong.push('campaign.json has no plans');
  const finished = stored.filter(({ detail }) => detail !== 'interrupted' && detail !== 'host-lost');
  for (const runId of planned) {
    const count = finished.filter(
      (run) => run.runId.replace(/\.\d+$/, '') === runId || run.runId === runId,
    ).length;
    if (count !== 1) wrong.push(`run ${runId} has ${count} results`);
  }
  if (finished.length !== planned.length)
    wrong.push(`${finished.length} results of ${planned.length} planned runs`);
  for (const { runId } of stored) {
    const names = await readdir(join(directory, runId)).catch((): string[] => []);
    if (!names.includes('verdict.json')) wrong.push(`run ${runId} has no verdict.json`);
  }
  if (!(await readdir(directory)).includes('report.html')) wrong.push('there is no report.html');
  return wrong;
}

interface Run {
  readonly runId: string;
  readonly detail: string;
}

function runIn(line: string): Run | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('runId' in value) || !('detail' in value))
      return undefined;
    return { runId: String(value.runId), detail: String(value.detail) };
  } catch {
    return undefined;
  }
}

function plansIn(campaign: unknown): string[] {
  if (typeof campaign !== 'object' || campaign === null || !('plans' in campaign)) return [];
  const { plans } = campaign;
  if (!Array.isArray(plans)) return [];
  return plans.flatMap((plan: unknown) =>
    typeof plan === 'object' && plan !== null && 'runId' in plan ? [String(plan.runId)] : [],
  );
}
